"""A run that failed, as a worker tells it."""

from __future__ import annotations

from typing import Any


class FailureError(Exception):
    """A run that failed; `facts` is the rest of the `done` event."""

    def __init__(self, outcome: str, **facts: Any) -> None:
        super().__init__(outcome)
        self.facts = {"outcome": outcome, **facts}
