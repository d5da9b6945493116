"""The result of publishing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Published:
    """The result of publishing."""

    mode: Literal["pull-request", "commit", "check", "none"]
    changed: tuple[str, ...] = ()
    """Paths of the reports that differ from the checked-out commit."""
    commit: str = ""
    """SHA of the pushed commit; empty if there is none."""
    number: int | None = None
    url: str = ""
    operation: Literal["created", "updated", "closed", "none"] = "none"
    """What was done to the pull request."""
