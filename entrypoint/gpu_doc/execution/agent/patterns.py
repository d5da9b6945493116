"""Tells which files a pattern of `produces` matches: one rule for plans, which check names, and runs, which search.

Runs in the Python of the user's image too: only the standard library of Python 3.8. A pattern names files, or folders
with everything below. `*`, `?` and `[…]` match within one folder, also names that begin with a dot; `**` between
slashes matches any number of folders.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEEPEST = 64
"""How many folders deep a search goes."""

GIT_AND_STATE = frozenset({".git", ".gpu-doc"})
"""git's own files, and our state: no wildcard matches them, and no search enters them."""

BESIDE = GIT_AND_STATE | {"__pycache__", ".ipynb_checkpoints", "node_modules"}
"""What programs keep beside sources and nobody commits: a change there means nothing, and no run needs a copy."""

BELOW = "**"


def parts(pattern: str) -> list[str]:
    """Return a pattern's parts, one per folder, without those that change nothing, such as `./` and a last slash."""
    found: list[str] = []
    for part in pattern.split("/"):
        if part not in ("", ".") and (part, *found[-1:]) != (BELOW, BELOW):
            found.append(part)
    return found


def is_wild(part: str) -> bool:
    """Return whether a part of a pattern may match several names."""
    return any(sign in part for sign in "*?[")


def finds(part: str, name: str) -> bool:
    """Return whether a wild part of a pattern matches a name."""
    return name not in GIT_AND_STATE and fnmatchcase(name, part)


def names(pattern: str, path: str) -> bool:
    """Return whether a pattern matches a file's path."""
    wanted, steps = parts(pattern), path.split("/")
    places = {0}
    for name in steps:
        places = {after for place in places for after in _after(wanted, place, name)}
    return len(wanted) in places and len(steps) <= DEEPEST + 1


def _after(wanted: Sequence[str], place: int, name: str) -> Iterator[int]:
    """Yield how many parts of a pattern may be used up after `name`; below a folder that it matches, all are."""
    if place == len(wanted) or wanted[place] == BELOW:
        if name not in GIT_AND_STATE:
            yield place if place + 1 < len(wanted) else len(wanted)
        if place + 1 < len(wanted):  # for no folder at all
            yield from _after(wanted, place + 1, name)
    elif finds(wanted[place], name) if is_wild(wanted[place]) else wanted[place] == name:
        yield place + 1
