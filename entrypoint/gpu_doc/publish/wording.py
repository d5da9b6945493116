"""Parts that the texts for GitHub share: fitting them into a limit, and the changes of reports as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gpu_doc.model.changes import PictureChange, ReportChange, TextChange
from gpu_doc.text.from_templates import render
from gpu_doc.text.github_markdown import code, image, link, linked_code, text
from gpu_doc.text.numbers import in_words

LONGEST_BODY = 65_000
"""Characters; GitHub accepts 65,536 for an issue, a pull request or a comment, and a marker may be added."""


@dataclass(frozen=True, kw_only=True)
class PictureLinks:
    """Web addresses of the pictures before and after."""

    server_url: str
    repository: str
    """`owner/name`; empty if it is not on a server that we know."""
    before_sha: str
    after_sha: str
    root_prefix: str
    """Root's path from the top of the repository; empty or `.` if it is the top."""

    def path(self, path: str) -> str:
        """Convert a path from root to a path from the repository's top."""
        return path if self.root_prefix in ("", ".") else f"{self.root_prefix.rstrip('/')}/{path}"

    def url(self, sha: str, path: str) -> str:
        """The web address of a file in a commit, in private repositories too; empty without a server."""
        if not (self.server_url and self.repository):
            return ""
        return f"{self.server_url}/{self.repository}/blob/{sha}/{quote(self.path(path), safe='/', errors='replace')}"

    def commit_url(self, sha: str) -> str:
        """The web address of a commit; empty without a server."""
        return f"{self.server_url}/{self.repository}/commit/{sha}" if self.server_url and self.repository else ""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many items of each kind a text shows."""

    reports: int
    values: int
    """For all reports together; one that needs less than its share leaves the rest to others. Pictures likewise."""
    pictures: int
    places: int
    """For each report: lines about where its runs happened, why it changed, and its texts."""
    failures: int
    runs: int
    details: int
    """The most characters of each failure's details."""


def _rooms() -> Iterator[Room]:
    """Yield less and less room, in steps of a quarter, so that the text comes close to the limit."""
    for step in range(13):
        part = 0.75**step
        yield Room(
            reports=max(10, int(200 * part)),
            values=int(1500 * part),
            pictures=int(200 * part),
            places=max(5, int(20 * part)),
            failures=max(5, int(100 * part)),
            runs=max(30, int(2000 * part)),
            details=int(20_000 * part**4),
        )
    yield Room(reports=10, values=0, pictures=0, places=0, failures=3, runs=5, details=0)


_ROOMS = tuple(_rooms())

Values = Callable[[Room], Mapping[str, Any]]


def fitting(template: str, values: Values, *, size: Callable[[str], int] = len, limit: int = LONGEST_BODY) -> str:
    """Fill in a template with as many items as fit into the limit."""
    made = ""
    for room in _ROOMS:
        shared = {"code": code, "link": link, "image": image, "linked_code": linked_code}
        made = render(template, {**shared, **values(room)}, finish=text)
        if size(made) <= limit:
            return made
    return made  # the smallest room always fits: single texts are cut too


def failed(failures: Sequence[str], room: Room) -> dict[str, Any]:
    """Return the values for failures.md.j2."""
    return {"failures": failures[: room.failures], "more_failures": max(0, len(failures) - room.failures)}


def changed(changes: Sequence[ReportChange], room: Room, *, place: PictureLinks | None) -> dict[str, Any]:
    """Return the values for changes.md.j2; without `place`, pictures are only named."""
    shown = changes[: room.reports]
    values = _shares([len(change.values) for change in shown], room.values)
    pictures = _shares([len(change.pictures) for change in shown], room.pictures)
    return {
        "reports": [
            _report(change, place, values=values[number], pictures=pictures[number], places=room.places)
            for number, change in enumerate(shown)
        ],
        "more_reports": len(changes) - len(shown),
        "count": len(changes),
        "pictures_shown": bool(place and place.url("", "")),
        "pictures_elsewhere": place is None,
    }


def _shares(wanted: Sequence[int], total: int) -> list[int]:
    """Divide `total` fairly: nobody gets more than they want, nor more than others who want more."""
    shares = [0] * len(wanted)
    # The smallest wishes come first and leave the rest to others. If too little is left, the first in the list get it.
    for done, place in enumerate(sorted(range(len(wanted)), key=lambda place: (wanted[place], -place))):
        shares[place] = min(wanted[place], total // (len(wanted) - done))
        total -= shares[place]
    return shares


def _report(
    change: ReportChange, place: PictureLinks | None, *, values: int, pictures: int, places: int
) -> dict[str, Any]:
    came, went = change.lines
    there = place is not None and change.kind != "removed"
    return {
        "path": place.path(change.path) if place else change.path,
        "url": place.url(place.after_sha, change.path) if place and there else "",
        "kind": change.kind,
        "why": change.why[:places],
        "more_why": max(0, len(change.why) - places),
        "commits": [(sha[:12], place.commit_url(sha) if place else "") for sha in change.commits[:3]],
        "came": came,
        "went": went,
        "values": [(value.name, *in_words(value.before, value.after)) for value in change.values[:values]],
        "more_values": max(0, len(change.values) - values),
        "pictures": [_picture(picture, place) for picture in change.pictures[:pictures]],
        "more_pictures": max(0, len(change.pictures) - pictures),
        "texts": [(text.name, text_in_words(text)) for text in change.texts[:places]],
        "more_texts": max(0, len(change.texts) - places),
        "environment": change.environment[:places],
    }


def text_in_words(change: TextChange) -> str:
    """Return how a text changed: `3 lines added, 1 removed`."""
    came, went = change.lines
    if not came and not went:
        return f"its {change.unit}s are in another order"
    return f"{came} {change.unit}{'s' if came != 1 else ''} added, {went} removed"


def _picture(change: PictureChange, place: PictureLinks | None) -> dict[str, str]:
    def url(sha: str, path: str | None) -> str:
        address = place.url(sha, path) if place and path else ""
        return f"{address}?raw=true" if address else ""

    return {
        "name": change.name,
        "before": url(place.before_sha if place else "", change.before),
        "after": url(place.after_sha if place else "", change.after),
        "verdict": "new" if change.before is None else "gone" if change.after is None else "changed",
    }
