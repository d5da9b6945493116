"""Where the files of reports are in the repository."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.errors import PublishError
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.record import evidence


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the files of reports are in the repository."""

    root: Path
    tree: Path

    def path(self, path: str) -> str:
        """Convert a path from root to a path in the repository. Follows the same links as writing does.

        Raises PublishError if it leads out of the repository.
        """
        try:
            return (self.root / path).resolve().relative_to(self.tree.resolve()).as_posix()
        except (ValueError, OSError, RuntimeError) as error:
            remedy = "Replace the link by a file or folder of the repository."
            raise PublishError("a link leads out of the repository", where=Location(path), remedy=remedy) from error

    def evidence(self, report: Report) -> str:
        """The path of a report's evidence in the repository."""
        return self.path(f"{report.assets}/{evidence.NAME}")

    def own(self, report: Report, content: Callable[[str], bytes | None]) -> dict[str, bytes]:
        """A report's files, as its evidence lists them, read with `content`; empty without evidence."""
        place = self.evidence(report)
        written = content(place)
        known = evidence.parse(written) if written is not None else None
        if written is None or known is None:
            return {}
        folder = place.rpartition("/")[0]
        names = {self.path(report.path), *(f"{folder}/{name}" for name in known.files)}
        found = {name: content(name) for name in sorted(names)}
        return {name: bytes_ for name, bytes_ in found.items() if bytes_ is not None} | {place: written}
