"""Which files a pattern of `produces` names: one rule for plans, which judge names, and for runs, which search folders.

Runs in the Python of the user's image too: nothing but the standard library of Python 3.8. A pattern names files, or
folders with all that is below. `*`, `?` and `[…]` stand for names within one folder, those that begin with a dot
included; `**` between slashes for any number of folders.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEEPEST = 64
"""Folders one below the other that are looked into."""

GIT_AND_STATE = frozenset({".git", ".gpu-doc"})
"""git's own files, and our state: found by no wildcard, and nobody's work wherever folders are walked."""

BESIDE = GIT_AND_STATE | {"__pycache__", ".ipynb_checkpoints", "node_modules"}
"""What programs keep beside sources and nobody commits: a change there says nothing, and no run needs a copy."""

BELOW = "**"


def parts(pattern: str) -> list[str]:
    """A pattern's names, one for each folder; without what changes nothing, such as `./` and a slash at the end."""
    found: list[str] = []
    for part in pattern.split("/"):
        if part not in ("", ".") and (part, *found[-1:]) != (BELOW, BELOW):
            found.append(part)
    return found


def is_wild(part: str) -> bool:
    """Whether one of a pattern's names may stand for several."""
    return any(sign in part for sign in "*?[")


def finds(part: str, name: str) -> bool:
    """Whether one of a pattern's names, of those that are wild, stands for a name."""
    return name not in GIT_AND_STATE and fnmatchcase(name, part)


def names(pattern: str, path: str) -> bool:
    """Whether a pattern names a file, by its path."""
    wanted, steps = parts(pattern), path.split("/")
    places = {0}
    for name in steps:
        places = {after for place in places for after in _after(wanted, place, name)}
    return len(wanted) in places and len(steps) <= DEEPEST + 1


def _after(wanted: Sequence[str], place: int, name: str) -> Iterator[int]:
    """How many of a pattern's names are used up one name further down; all are, too, below a folder that it names."""
    if place == len(wanted) or wanted[place] == BELOW:
        if name not in GIT_AND_STATE:
            yield place if place + 1 < len(wanted) else len(wanted)
        if place + 1 < len(wanted):  # for no folder at all
            yield from _after(wanted, place + 1, name)
    elif finds(wanted[place], name) if is_wild(wanted[place]) else wanted[place] == name:
        yield place + 1
