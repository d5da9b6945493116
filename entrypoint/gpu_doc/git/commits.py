"""Values about commits: what one holds, and how one of ours is known again.

Our commits carry trailers. `Gpu-Doc-Source` names the commit that the run was made from, `Gpu-Doc-For` whose pull
request it is. `Gpu-Doc-Seal` is made of the commit's own parent and tree, so that one which somebody amended, rebased
or picked is no longer taken for ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256

SOURCE = "Gpu-Doc-Source"
SEAL = "Gpu-Doc-Seal"
PURPOSE = "Gpu-Doc-For"

_TRAILER = re.compile(r"[A-Za-z0-9-]+: \S.*|[ \t]+\S.*")
"""A line of a block of trailers, or the continuation of one (git-interpret-trailers)."""


@dataclass(frozen=True)
class Entry:
    """A file in a commit's tree."""

    mode: str
    """`100644`, `100755` (executable), `120000` (symbolic link), or `160000` (the commit of a submodule)."""
    blob: str
    """The id of its content."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit, as it says of itself."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    message: str
    author: str
    """`Name <address>`."""

    @property
    def source(self) -> str | None:
        """The commit that a run of ours was made from; None where the commit doesn't say."""
        return _trailers(self.message).get(SOURCE)

    @property
    def purpose(self) -> str | None:
        """Which configuration and base a pull request's commit is for; None where the commit doesn't say."""
        return _trailers(self.message).get(PURPOSE)

    @property
    def intact(self) -> bool:
        """Whether we made it, and nobody changed it since."""
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
    """With the key that the person's own git would sign with."""


def parsed(sha: str, raw: bytes) -> Commit:
    """Read a commit object (gitformat: header lines, an empty line, the message)."""
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
    """Return the message with our trailers at its end: after those that it has, else after an empty line."""
    text = message.replace("\0", "").rstrip()
    last = _last_paragraph(text)
    gap = "\n" if last and all(_TRAILER.fullmatch(line) for line in last) else "\n\n"
    return f"{text}{gap}{SOURCE}: {source}\n{SEAL}: {_seal(parent, tree)}\n"


def _seal(parent: str, tree: str) -> str:
    return sha256(f"{parent} {tree}".encode()).hexdigest()[:16]


def _last_paragraph(message: str) -> list[str]:
    """The lines that may be trailers; the first paragraph is the title."""
    paragraphs = re.split(r"\n[ \t]*\n", message.strip())
    return paragraphs[-1].strip("\n").splitlines() if len(paragraphs) > 1 else []


def _trailers(message: str) -> dict[str, str]:
    """The trailers by name, the last of each."""
    pairs = (line.partition(": ") for line in _last_paragraph(message))
    return {name: text.strip() for name, colon, text in pairs if colon}
