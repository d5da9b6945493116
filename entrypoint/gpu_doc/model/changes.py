"""What differs between two sides of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """A value that a report shows, before and after; None if not shown on that side."""

    name: str
    """Its address: `baseline/accuracy`."""
    before: Json
    after: Json


@dataclass(frozen=True, kw_only=True)
class PictureChange:
    """A picture that a report shows, before and after: paths from root; None if not shown on that side."""

    before: str | None
    after: str | None
    name: str
    """What it shows, for people: its address."""


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """A text that a report shows, such as a log, of which we say how many lines changed."""

    name: str
    """What it is, for people: `train/log`, `train/work (source)`."""
    lines: tuple[int, int]
    """The numbers of new and of removed lines or table rows; both 0 if lines only moved."""
    unit: Literal["line", "row"] = "line"


@dataclass(frozen=True, kw_only=True)
class ReportChange:
    """The changes that a reader of a report sees."""

    path: str
    """The report, from root."""
    kind: Literal["new", "changed", "removed"]
    values: tuple[ValueChange, ...] = ()
    pictures: tuple[PictureChange, ...] = ()
    texts: tuple[TextChange, ...] = ()
    lines: tuple[int, int] = (0, 0)
    """The numbers of new and of removed lines in its text."""
    why: tuple[str, ...] = ()
    """The sources of its runs and its text that changed."""
    commits: tuple[str, ...] = ()
    """The commits that its runs were made from."""
    environment: tuple[tuple[str, str], ...] = ()
    """Where its runs happened this time, as label and text: image, GPU, driver, ..."""
