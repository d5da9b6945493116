"""The checkout's remotes, and where `git push` would push."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gpu_doc.git.asking import ask


def push_remote(tree: Path, branch: str | None) -> str | None:
    """The remote that `git push` would push a branch to; None if there is none.

    git help config: branch.<name>.pushRemote, remote.pushDefault, branch.<name>.remote; else origin, or the only one.
    """
    keys = [f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote"]
    for key in keys if branch else keys[1:2]:
        if (name := ask(tree, "config", "--get", key)) and name != ".":
            return name
    names = (ask(tree, "remote") or "").splitlines()
    return "origin" if "origin" in names else names[0] if len(names) == 1 else None


def push_url(tree: Path, remote: str) -> str | None:
    """The address that `git push` to a remote (or to an address) would use, independent of the current folder."""
    url = ask(tree, "remote", "get-url", "--push", remote)
    if url is None:
        # git also accepts an address in place of a name (git help push, "GIT URLS").
        url = remote if re.search(r"[/:]", remote) or (tree / remote).exists() else None
    is_relative = url and not re.match(r"[^/]*:|/|~", url)  # `host:path` is for ssh, unless a slash comes first
    return str(Path(os.path.abspath(tree / url))) if url and is_relative else url  # noqa: PTH100 - links stay


def own_urls(tree: Path) -> tuple[str, ...]:
    """The addresses of `origin`, as configured and as git rewrites them; empty without one."""
    answer = [
        ask(tree, *words) for words in (("config", "--get-all", "remote.origin.url"), ("remote", "get-url", "origin"))
    ]
    return tuple(dict.fromkeys(url for text in answer for url in (text or "").splitlines()))
