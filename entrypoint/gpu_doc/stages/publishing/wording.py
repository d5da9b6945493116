"""What the texts for GitHub share: how much of everything there is room for, and the changes of reports as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gpu_doc.model import PictureChange, ReportChange, ValueChange
from gpu_doc.outside.texts import render
from gpu_doc.stages.publishing.amounts import in_words
from gpu_doc.stages.publishing.harmless import code, image, link, text

LONGEST_BODY = 65_000
"""Characters; GitHub takes 65,536 for an issue, a pull request or a comment, and a marker may come on top."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where pictures of both sides can be seen."""

    server_url: str
    repository: str
    """`owner/name`; empty where it is on no server that we know."""
    before_sha: str
    after_sha: str
    root_prefix: str
    """Root, from the top of the repository; empty or `.` where it is the top."""

    def path(self, path: str) -> str:
        """A path from root, from the top of the repository."""
        return path if self.root_prefix in ("", ".") else f"{self.root_prefix.rstrip('/')}/{path}"

    def url(self, sha: str, path: str) -> str:
        """Where the server shows a file of a commit, in private repositories too; empty where there is no server."""
        if not (self.server_url and self.repository):
            return ""
        return f"{self.server_url}/{self.repository}/blob/{sha}/{quote(self.path(path), safe='/', errors='replace')}"


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much of everything is shown."""

    reports: int
    values: int
    """Of all reports together, each with the same share; as are the pictures."""
    pictures: int
    places: int
    """Lines on where the runs of each report happened."""
    failures: int
    runs: int
    details: int
    """Characters of each failure's details."""


_ROOMS = (
    Room(reports=200, values=1500, pictures=200, places=20, failures=100, runs=2000, details=20_000),
    Room(reports=100, values=600, pictures=80, places=20, failures=50, runs=500, details=2000),
    Room(reports=50, values=250, pictures=40, places=20, failures=20, runs=200, details=1000),
    Room(reports=20, values=100, pictures=15, places=10, failures=10, runs=100, details=200),
    Room(reports=10, values=30, pictures=5, places=5, failures=5, runs=30, details=0),
    Room(reports=10, values=0, pictures=0, places=0, failures=3, runs=5, details=0),
)

Values = Callable[[Room], Mapping[str, Any]]


def fitting(template: str, values: Values, *, size: Callable[[str], int] = len, limit: int = LONGEST_BODY) -> str:
    """A text with as much as there is room for."""
    made = ""
    for room in _ROOMS:
        shared = {"code": code, "link": link, "image": image}
        made = render(template, {**shared, **values(room)}, finish=text)
        if size(made) <= limit:
            return made
    return made  # the least of it fits: texts are cut one by one too


def failed(failures: Sequence[str], room: Room) -> dict[str, Any]:
    """What failures.md.j2 needs."""
    return {"failures": failures[: room.failures], "more_failures": max(0, len(failures) - room.failures)}


def changed(changes: Sequence[ReportChange], room: Room, *, place: Place | None) -> dict[str, Any]:
    """What changes.md.j2 needs; without a place pictures are named only."""
    shown = changes[: room.reports]
    values, pictures = (total // max(1, len(shown)) for total in (room.values, room.pictures))
    return {
        "reports": [_report(change, place, values=values, pictures=pictures, places=room.places) for change in shown],
        "more_reports": len(changes) - len(shown),
        "count": len(changes),
        "pictures_shown": bool(place and place.url("", "")),
        "pictures_elsewhere": place is None,
    }


def _report(change: ReportChange, place: Place | None, *, values: int, pictures: int, places: int) -> dict[str, Any]:
    came, went = change.lines
    return {
        "path": place.path(change.path) if place else change.path,
        "kind": change.kind,
        "came": came,
        "went": went,
        "values": list(_value_rows(change.values[:values])),
        "more_values": max(0, len(change.values) - values),
        "pictures": [_picture(picture, place) for picture in change.pictures[:pictures]],
        "more_pictures": max(0, len(change.pictures) - pictures),
        "environment": change.environment[:places],
    }


def _value_rows(changes: Sequence[ValueChange]) -> Iterator[tuple[str, str, str, str]]:
    for change in changes:
        yield change.name, *in_words(change.before, change.after)


def _picture(change: PictureChange, place: Place | None) -> dict[str, str]:
    def url(sha: str, path: str | None) -> str:
        address = place.url(sha, path) if place and path else ""
        return f"{address}?raw=true" if address else ""

    return {
        "name": change.name,
        "before": url(place.before_sha if place else "", change.before),
        "after": url(place.after_sha if place else "", change.after),
        "verdict": "new" if change.before is None else "gone" if change.after is None else "changed",
    }
