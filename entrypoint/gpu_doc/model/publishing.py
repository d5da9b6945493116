"""What became of results that were to be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Published:
    """How publishing ended."""

    mode: Literal["pull-request", "commit", "check", "none"]
    changed: tuple[str, ...] = ()
    """Paths of the reports that differ from the commit that was checked out."""
    commit: str = ""
    """SHA of the commit that was pushed; empty where none was."""
    number: int | None = None
    url: str = ""
    operation: Literal["created", "updated", "closed", "none"] = "none"
    """What was done to the pull request."""
