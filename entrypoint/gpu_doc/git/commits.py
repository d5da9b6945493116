"""Values about commits: what a commit holds, and how we recognize our own.

Our commits carry trailers. `Gpu-Doc-Source` names the commit that the run was made from. `Gpu-Doc-For` names the
configuration and base that its pull request is for. `Gpu-Doc-Seal` is a hash of the commit's parent and tree: after
somebody amends, rebases or cherry-picks the commit, it no longer counts as ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256

SOURCE = "Gpu-Doc-Source"
SEAL = "Gpu-Doc-Seal"
PURPOSE = "Gpu-Doc-For"

_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*|[ \t]+\S.*")
"""A trailer, or the continuation of one on the next line (git help interpret-trailers)."""


@dataclass(frozen=True)
class Entry:
    """A file in a commit's tree."""

    mode: str
    """`100644`, `100755` (executable), `120000` (symbolic link), or `160000` (the commit of a submodule)."""
    blob: str
    """The id of its content."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit, as its object says."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    message: str
    author: str
    """`Name <address>`."""

    @property
    def source(self) -> str | None:
        """The commit that our run was made from; None if the trailer is missing."""
        return _trailers(self.message).get(SOURCE)

    @property
    def purpose(self) -> str | None:
        """Which configuration and base the pull request is for; None if the trailer is missing."""
        return _trailers(self.message).get(PURPOSE)

    @property
    def intact(self) -> bool:
        """Whether we made it and nobody changed it since."""
        seal = _trailers(self.message).get(SEAL)
        return len(self.parents) == 1 and seal == _seal(self.parents[0], self.tree)


@dataclass(frozen=True, kw_only=True)
class Remote:
    """Where results are pushed to."""

    url: str
    token: str | None = field(repr=False)
    """None: the credentials that the person's own git would use."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who commits."""

    name: str
    email: str
    sign: bool
    """Whether to sign, with the key that the user's own git would sign with."""


def parsed(sha: str, raw: bytes) -> Commit:
    """Parse a commit object: header lines, an empty line, the message."""
    head, _, message = raw.decode("utf-8", "replace").partition("\n\n")
    fields = [line.partition(" ")[::2] for line in head.splitlines()]
    author = next(text for name, text in fields if name == "author")
    return Commit(
        sha=sha,
        parents=tuple(text for name, text in fields if name == "parent"),
        tree=next(text for name, text in fields if name == "tree"),
        message=message,
        author=author.rpartition(">")[0] + ">",  # what follows is the time
    )


def sealed(message: str, *, source: str, parent: str, tree: str) -> str:
    """Append our trailers to a message: directly after its own trailers, else after an empty line."""
    text = message.replace("\0", "").rstrip()
    last = _last_paragraph(text)
    gap = "\n" if last and all(_TRAILER.fullmatch(line) for line in last) else "\n\n"
    return f"{text}{gap}{SOURCE}: {source}\n{SEAL}: {_seal(parent, tree)}\n"


def _seal(parent: str, tree: str) -> str:
    return sha256(f"{parent} {tree}".encode()).hexdigest()[:16]


def _last_paragraph(message: str) -> list[str]:
    """The lines that may be trailers. The first paragraph is the title, so it has none."""
    paragraphs = re.split(r"\n[ \t]*\n", message.strip())
    return paragraphs[-1].strip("\n").splitlines() if len(paragraphs) > 1 else []


def _trailers(message: str) -> dict[str, str]:
    """The trailers by name; of the same name, the last one."""
    pairs = (line.partition(": ") for line in _last_paragraph(message))
    return {name: text.strip() for name, colon, text in pairs if colon}
