"""Calls of template functions, and their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.model.values import Json, Scalar

if TYPE_CHECKING:
    from gpu_doc.model.pictures import Exhibit


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a template function (contract: shot, image, text, table, code, value, ...)."""

    function: str
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A text that is the same for equal calls, in whatever order their keywords are."""
        return json.dumps([self.function, list(self.args), dict(self.kwargs)], sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_key(cls, key: str) -> Call:
        """Return the call with this key."""
        function, args, kwargs = json.loads(key)
        return cls(function=function, args=tuple(args), kwargs=kwargs)

    def __str__(self) -> str:
        words = [json.dumps(a, ensure_ascii=False) for a in self.args]
        words += [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in self.kwargs.items()]
        return f"{self.function}({', '.join(words)})"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file beside the report that an answer needs: a picture to take, or bytes to copy."""

    name: str
    """The file's name in the report's assets folder."""
    digest: str
    """SHA-256 of what the file is made from: with the same digest, the file need not be made again."""
    exhibit: Exhibit | None = None
    source: Path | None = None
    content: bytes | None = None
    """Exactly one is set: exhibit (photograph it), source (copy that file) or content (these bytes)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of a table that an answer shows. There may be very many."""

    text: str
    """What it says: one line, no markup."""
    address: str = ""
    """Where it comes from, `sweep[lr=0.1]/accuracy`, if it shows a value that has an address."""
    value: Scalar = None
    """That value as it is, not rounded; None also where it is no single number, string or truth value."""


Cells = tuple[tuple[Cell, ...], ...]
"""The rows of a table, its head first."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a call for the template, and the files that it needs."""

    value: Json
    """Markdown text, or for `value()` a number or string."""
    runs: tuple[str, ...] = ()
    """Addresses of the runs that it was made from."""
    assets: tuple[Asset, ...] = ()
    cells: Cells | None = None
    """What its table says; None where it is none."""
