"""The results of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a finished run, in state.

    `folder` holds `executed.ipynb` (a notebook) or `terminal.log` (a command: the raw bytes of its terminal),
    `produced/` with the files of `produces` at their paths, and `record.json`.
    """

    run: Run
    fingerprint: str
    folder: Path
    record: Mapping[str, Json]
    """`started` (ISO 8601, UTC), `seconds`, `commit` (or None), `machine` (see record/fingerprint.py)."""

    @property
    def executed(self) -> Path:
        """The executed notebook."""
        return self.folder / "executed.ipynb"

    @property
    def log(self) -> Path:
        """Every byte that a command wrote to its terminal."""
        return self.folder / "terminal.log"

    @property
    def resources(self) -> Path:
        """The resources that it used, as JSON (see execution/agent/sampling.py). Earlier versions wrote none."""
        return self.folder / "resources.json"

    def produced(self, path: str) -> Path:
        """A file that the run produced, by its path in `produces`."""
        return self.folder / "produced" / path
