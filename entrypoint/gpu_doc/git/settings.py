"""The configuration of our repository: the user's settings for pushing, signing and filters, and our own.

Our repository reads no other configuration. The checkout's could include other files by its folder (actions/checkout
keeps its credentials that way), and could say where git works and which programs it runs.
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
"""The only settings that we take from a runner's checkout. Other people's jobs may have left their own there: a proxy,
a certificate or a program could steal our token."""
_NOT_TAKEN = re.compile(r"lfs\.storage|lfs\.locksverify", re.IGNORECASE)
"""Not taken: the checkout's folder for large files is not for ours."""

GLOBAL = "person"
"""The file in our repository's folder that replaces the user's own configuration."""

_BEFORE: tuple[Setting, ...] = (
    # A server that is silent for so long is gone. Its hooks may take some time.
    ("http.lowspeedlimit", "1"),
    ("http.lowspeedtime", "300"),
    # Without these, if nobody ran `git lfs install`, git would commit whole files in place of pointers.
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
    """Parse the output of `git config --list -z`. A key without a value is true."""
    pairs = (entry.partition("\n") for entry in output.split("\0") if entry)
    return [(key, value if newline else "true") for key, newline, value in pairs]


def of_runner(output: str) -> list[Setting]:
    """Parse `git config --list --show-scope -z`; of the checkout's own settings, keep only the safe ones."""
    fields = output.split("\0")
    scoped = zip(fields[::2], fields[1::2], strict=False)
    return [
        setting
        for scope, entry in scoped
        for setting in listed(entry)
        if scope in ("system", "global") or _KEPT.fullmatch(setting[0])
    ]


def ours(theirs: Iterable[Setting], remote: Remote) -> list[Setting]:
    """Return our repository's settings, given the user's settings `theirs`."""
    theirs = list(theirs)
    taken = [(key, value) for key, value in theirs if _is_taken(key, own=remote.token is None)]
    return [*_BEFORE, *taken, *_AFTER, ("remote.origin.url", remote.url), *_lazy(theirs)]


def _is_taken(key: str, *, own: bool) -> bool:
    if _NOT_TAKEN.fullmatch(key):
        return False
    return own if _CREDENTIALS.fullmatch(key) else bool(_TAKEN.fullmatch(key))


def _lazy(theirs: list[Setting]) -> Iterator[Setting]:
    """Yield the settings with which a partial clone fetches missing objects when they are needed."""
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
    """Return the variables that make git work in our repository, and nowhere else."""
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
    """Return the variables that send the token to the remote's server only; git never asks for a password."""
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
    """Encode the token for the header."""
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()
