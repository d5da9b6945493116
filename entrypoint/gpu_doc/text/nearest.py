"""Suggests what a person may have meant by an unknown name, and lists the known names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SHOWN = 12
"""How many names an error lists."""


def nearest(word: str, known: Iterable[str], most: int = 1) -> tuple[str, ...]:
    """Return the names that are nearest in spelling, the nearest first; none where no name is near."""
    from difflib import get_close_matches  # needed only for errors

    return tuple(get_close_matches(word, sorted(known), n=most))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?", or nothing where no name is near."""
    return "".join(f"Did you mean `{name}`?" for name in nearest(word, known))


def listed(names: Sequence[str]) -> str:
    """Return names for an error: all of them, or the first ones and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
