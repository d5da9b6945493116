"""The configuration of our repository: what of the person's own bears on a push, a signature or a filter, and ours.

Ours reads no other configuration. Conditional includes would not fit it (actions/checkout keeps its credentials in one
that names the checkout's folder), and it must not take from the checkout where that one works, or what it runs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from gpu_doc.git.commits import Remote

Setting = tuple[str, str]

_TAKEN = re.compile(
    r"(?:user|author|committer|gpg|filter|lfs|http|protocol)\..+"
    r"|core\.(?:autocrlf|eol|attributesfile|bigfilethreshold)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"(?:credential|url|ssh)\..+|core\.(?:sshcommand|askpass)|http\.(?:.*\.)?(?:extraheader|cookiefile)"
)
_KEPT = re.compile(
    r"(?:user|author|committer)\..+|gpg\.format|core\.(?:autocrlf|eol|bigfilethreshold)"
    r"|remote\..+\.(?:promisor|partialclonefilter)|extensions\.partialclone",
    re.IGNORECASE,
)
"""What is taken of the configuration that lies in a runner's checkout. It may be left from other people's jobs, and a
proxy, a certificate or a program in it would get hold of our token."""
_NOT_TAKEN = re.compile(r"lfs\.storage|lfs\.locksverify", re.IGNORECASE)
"""Where the checkout keeps large files is no place for ours."""

GLOBAL = "person"
"""The file in our repository's folder that stands for the person's own configuration."""

_BEFORE: tuple[Setting, ...] = (
    # A server that says nothing for so long is gone. Its hooks may take their time.
    ("http.lowspeedlimit", "1"),
    ("http.lowspeedtime", "300"),
    # Without these a checkout that never ran `git lfs install` would commit whole files where pointers belong.
    ("filter.lfs.clean", "git-lfs clean -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
)
_AFTER: tuple[Setting, ...] = (
    ("core.hookspath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
)


def listed(output: str) -> list[Setting]:
    """Read what `git config --list -z` writes: a key without a value is true."""
    pairs = (entry.partition("\n") for entry in output.split("\0") if entry)
    return [(key, value if newline else "true") for key, newline, value in pairs]


def of_runner(output: str) -> list[Setting]:
    """Read what `git config --list --show-scope -z` writes: of the checkout's own settings the harmless ones alone."""
    fields = output.split("\0")
    scoped = zip(fields[::2], fields[1::2], strict=False)
    return [
        setting
        for scope, entry in scoped
        for setting in listed(entry)
        if scope in ("system", "global") or _KEPT.fullmatch(setting[0])
    ]


def ours(theirs: Iterable[Setting], remote: Remote) -> list[Setting]:
    """What our repository is configured with, where the person's own git has `theirs`."""
    theirs = list(theirs)
    taken = [(key, value) for key, value in theirs if _is_taken(key, own=remote.token is None)]
    return [*_BEFORE, *taken, *_AFTER, ("remote.origin.url", remote.url), *_lazy(theirs)]


def _is_taken(key: str, *, own: bool) -> bool:
    if _NOT_TAKEN.fullmatch(key):
        return False
    return own if _CREDENTIALS.fullmatch(key) else bool(_TAKEN.fullmatch(key))


def _lazy(theirs: list[Setting]) -> Iterator[Setting]:
    """A checkout that was cloned in part has what it lacks fetched when it is needed."""
    lazy = [key for key, value in theirs if re.fullmatch(r"remote\..+\.promisor", key) and value != "false"]
    if lazy or "extensions.partialclone" in dict(theirs):
        yield "remote.origin.promisor", "true"
    yield from (
        ("remote.origin.partialclonefilter", value) for key, value in theirs if key.endswith(".partialclonefilter")
    )


def text(settings: Iterable[Setting]) -> str:
    """Return settings as a configuration file."""
    return "".join(_lines(key, value) for key, value in settings)


def _lines(key: str, value: str) -> str:
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    title = f'{section} "{_escaped(middle)}"' if dot else section
    quoted = _escaped(value).replace("\n", "\\n").replace("\t", "\\t")
    return f'[{title}]\n{name} = "{quoted}"\n'


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


def variables(folder: Path, remote: Remote) -> dict[str, str]:
    """The variables with which git works in our repository, and nowhere else."""
    return {
        "GIT_DIR": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(folder / GLOBAL),
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_CONFIG_COUNT": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        **_login(remote),
    }


def _login(remote: Remote) -> dict[str, str]:
    """The variables that carry the token to the remote's server, and to no other; nobody is asked for another."""
    if remote.token is None:
        return {}
    parts = urlsplit(remote.url)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: basic {encoded(remote.token)}",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
    }


def encoded(token: str) -> str:
    """The token as it stands in the header."""
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()
