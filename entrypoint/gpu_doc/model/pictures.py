"""What can be photographed, and the photograph."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

from gpu_doc.model.location import Location
from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class Span:
    """Terminal text in one style. Colours are `#rrggbb`; None is the theme's own. Reversal is applied already."""

    text: str
    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False


TerminalLine = tuple[Span, ...]

LEFT_OUT = "… earlier lines are left out"
"""How the first line of a terminal begins that is longer than what can be shown."""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """The content of one picture: a cell's outputs, with or without its source, or lines of a terminal.

    All of it comes from notebooks and is not trusted: the page lets it reach neither network nor disk.
    """

    kind: Literal["output", "cell", "terminal"]
    outputs: tuple[Json, ...] = ()
    """Outputs in nbformat 4, as plain dictionaries."""
    source: str = ""
    """The cell's source, if `kind` is cell."""
    language: str = "python"
    lines: tuple[TerminalLine, ...] = ()
    width: int
    """CSS pixels of the page it is laid out on."""
    canvas: int = 0
    """CSS pixels of the page that the picture keeps, transparent beside the content; 0: cropped to the content."""
    scale: int
    theme: Literal["light", "dark"] = "light"
    name: str = ""
    """The address, for messages; not part of the picture."""
    location: Location | None = None
    """Notebook and cell, for messages; not part of the picture."""

    @property
    def where(self) -> Location | str:
        """What messages name: the place, or the address where no notebook has one."""
        return self.location or self.name

    @property
    def digest(self) -> str:
        """SHA-256 of all that is in the picture; not of execution counts, nor of metadata without effect."""
        shown = {k: v for k, v in asdict(self).items() if k not in ("name", "location")}
        shown["outputs"] = [{k: v for k, v in o.items() if k != "execution_count"} for o in self.outputs]
        return sha256(json.dumps(shown, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A PNG and its size in CSS pixels (its pixels divided by the device scale)."""

    png: bytes
    width: int
    height: int
