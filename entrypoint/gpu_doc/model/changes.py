"""What differs between two sides of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """A value that a report shows, before and after. None where it is not shown on that side."""

    name: str
    """Its address: `baseline/accuracy`."""
    before: Json
    after: Json


@dataclass(frozen=True, kw_only=True)
class PictureChange:
    """A picture that a report shows, before and after: paths from root, None where it is not shown on that side."""

    before: str | None
    after: str | None
    name: str
    """What it shows, for people: its address."""


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """A text that a report shows, such as a log, where it is told by how many of its lines changed."""

    name: str
    """What it is, for people: `train/log`, `train/work (source)`."""
    lines: tuple[int, int]
    """How many lines, or rows of a table, came, and how many went; neither where they only moved."""
    unit: Literal["line", "row"] = "line"


@dataclass(frozen=True, kw_only=True)
class ReportChange:
    """What a reader of a report sees changed."""

    path: str
    """The report, from root."""
    kind: Literal["new", "changed", "removed"]
    values: tuple[ValueChange, ...] = ()
    pictures: tuple[PictureChange, ...] = ()
    texts: tuple[TextChange, ...] = ()
    lines: tuple[int, int] = (0, 0)
    """How many lines of its text came, and how many went."""
    why: tuple[str, ...] = ()
    """What its runs and its text are made from that is another by now."""
    commits: tuple[str, ...] = ()
    """The commits that its runs were made from."""
    environment: tuple[tuple[str, str], ...] = ()
    """Where the runs behind it happened now, as label and text: image, GPU, driver, ..."""
