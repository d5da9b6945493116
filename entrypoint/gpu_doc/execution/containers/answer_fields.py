"""Fields of an engine's answers, typed. Any may be absent, null, or of another type: then it is empty, or 0.

An answer may come from an older or newer engine, from another program that speaks the same API, or may be cut short on
its way. No answer may crash us, so all code reads answers through these functions.

https://docs.docker.com/reference/api/engine/ - field names and the versions that brought or dropped them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_doc.execution.containers.failures import EngineError


def lacks(field: str, what: str, answer: Any) -> EngineError:
    """Return the error for an answer without a field that we can't do without."""
    return EngineError(
        f"the engine answered without {what} (`{field}`)",
        cause="settings",
        remedy="Something between it and us may have cut the answer short, or this version of it is not one we know.",
        details=repr(answer)[:500],
    )


def as_table(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Return a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def as_texts(value: Any) -> tuple[str, ...]:
    """Return the texts in a list."""
    return tuple(each for each in as_list(value) if isinstance(each, str))


def as_number(value: Any) -> int:
    """Return a whole number above 0; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def as_labels(value: Any) -> dict[str, str]:
    """Return the labels of a container or a volume, without those that are not text."""
    return {str(name): text for name, text in as_table(value).items() if isinstance(text, str)}
