"""Finds the changes that a reader of the reports sees, between two commits or between a commit and the checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, cast

from gpu_doc.changes import cells
from gpu_doc.changes.reasons import reasons
from gpu_doc.changes.shown import Shown, Side, shown
from gpu_doc.model.changes import PictureChange, ReportChange, TextChange, ValueChange
from gpu_doc.model.configuration import Report
from gpu_doc.model.values import Json
from gpu_doc.record.contents import sha256_of

__all__ = ["Side", "compare", "from_json", "to_json"]

LARGEST = 100_000
"""The most characters of changes as JSON, all ASCII. An environment variable holds them; Linux allows 128 KiB."""
_LONGEST = 1000
"""The most characters of one text in it."""
_MOST_COMMITS = 3
_LISTS = ("values", "pictures", "texts", "why", "environment")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def compare(reports: Sequence[Report], before: Side, after: Side) -> tuple[ReportChange, ...]:
    """Return what changed in each report; reports without changes are left out."""
    found = (_compared(report, before, after) for report in reports)
    return tuple(change for change in found if change)


def _compared(report: Report, before: Side, after: Side) -> ReportChange | None:
    old, new = shown(report, before), shown(report, after)
    pictures = tuple(_pictures(old, new, before, after))
    if (old.text, old.evidence) == (new.text, new.evidence) and not pictures:
        return None
    commits = (run.made.get("commit") for run in new.runs.values())
    kind: Literal["new", "changed", "removed"] = "changed"
    if old.text is None or new.text is None:
        kind = "new" if old.text is None else "removed"
    return ReportChange(
        path=report.path,
        kind=kind,
        values=(*_values(old.values, new.values), *cells.cells(old.tables, new.tables)),
        pictures=pictures,
        texts=(*cells.rows(old.tables, new.tables), *cells.texts(old.texts, new.texts)),
        lines=(_extra_lines(new.text, old.text), _extra_lines(old.text, new.text)),
        why=tuple(reasons(old, new)) if kind == "changed" else (),
        commits=tuple(dict.fromkeys(each for each in commits if isinstance(each, str) and _SHA.fullmatch(each))),
        environment=new.environment or old.environment,
    )


def _values(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[ValueChange]:
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        # Compared as JSON, in which NaN equals NaN, and `true` is not 1.
        if json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
            yield ValueChange(name=name, before=old, after=new)


def _pictures(old: Shown, new: Shown, before: Side, after: Side) -> Iterator[PictureChange]:
    """Return pictures by what they show: if its options change, a picture has another file but is the same picture."""
    for name in dict.fromkeys([*new.pictures, *old.pictures]):
        first, second = _file(old.pictures.get(name), before), _file(new.pictures.get(name), after)
        if first[1] != second[1]:
            yield PictureChange(name=name, before=first[0], after=second[0])


def _file(path: str | None, side: Side) -> tuple[str | None, str]:
    """Return a picture's path and digest; both empty if it is missing."""
    content = side.read(path) if path else None
    return (None, "") if content is None else (path, sha256_of(content))


def _extra_lines(text: bytes | None, other: bytes | None) -> int:
    """Return how many lines one text has that the other has not; lines that only moved don't count."""
    from collections import Counter

    return (Counter((text or b"").splitlines()) - Counter((other or b"").splitlines())).total()


# --- as JSON ---------------------------------------------------------------------------------------------------------


def to_json(changes: Sequence[ReportChange]) -> str:
    """Return changes as one line of at most `LARGEST` characters; the last that don't fit are left out and counted."""
    room = LARGEST - 100  # for the text around
    wholes = [_report_to_json(change) for change in changes]
    heads = [whole | {name: [] for name in _LISTS if name in whole} for whole in wholes]
    kept = []
    for head in heads:
        room -= _length(head)
        if room > 0:
            kept.append(head)
    left_out = len(heads) - len(kept)
    for head, whole in zip(kept, wholes, strict=False):
        for name in _LISTS:
            for item in whole.get(name, ()):
                room -= _length(item)
                if room > 0:
                    head[name].append(item)
                else:
                    left_out += 1
    return json.dumps({"format": 1, "reports": kept, "left-out": left_out}, separators=(",", ":"))


def _length(item: Json) -> int:
    return len(json.dumps(item, separators=(",", ":"))) + 1


def _report_to_json(change: ReportChange) -> dict[str, Json]:
    more = {
        "texts": [{"name": _short(text.name), "lines": list(text.lines), "unit": text.unit} for text in change.texts],
        "why": [_short(reason) for reason in change.why],
        "commits": list(change.commits[:_MOST_COMMITS]),
    }
    return {name: items for name, items in more.items() if items} | {
        "path": _short(change.path),
        "kind": change.kind,
        "lines": list(change.lines),
        "values": [
            {"name": _short(value.name), "before": _short(value.before), "after": _short(value.after)}
            for value in change.values
        ],
        "pictures": [
            {"name": _short(picture.name), "before": picture.before, "after": picture.after}
            for picture in change.pictures
        ],
        "environment": [[_short(label), _short(text)] for label, text in change.environment],
    }


def _short(value: Json) -> Json:
    """Return a value if it is short and JSON has it; else the beginning of its text."""
    if isinstance(value, int | float) and abs(value) < 10**300:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None if value is None else text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def from_json(text: str) -> tuple[tuple[ReportChange, ...], int]:
    """Return changes, and how many items were left out. The text, from a pull request's job, may be anything.

    Whatever to_json() would not write is ignored.
    """
    if len(text) > LARGEST:
        return (), 0
    try:
        whole = json.loads(text)
        return tuple(map(_report, _list(whole["reports"]))), _count(whole["left-out"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return (), 0


def _report(item: Json) -> ReportChange:
    if item["kind"] not in ("new", "changed", "removed"):
        raise ValueError(item["kind"])
    came, went = map(_count, _list(item["lines"]))
    return ReportChange(
        path=_text(item["path"]),
        kind=cast("Literal['new', 'changed', 'removed']", item["kind"]),
        lines=(came, went),
        values=tuple(
            ValueChange(name=_text(value["name"]), before=_scalar(value["before"]), after=_scalar(value["after"]))
            for value in _list(item["values"])
        ),
        pictures=tuple(
            PictureChange(name=_text(each["name"]), before=_path(each["before"]), after=_path(each["after"]))
            for each in _list(item["pictures"])
        ),
        texts=tuple(map(_text_change, _list(item.get("texts", [])))),
        why=tuple(map(_text, _list(item.get("why", [])))),
        commits=tuple(sha for sha in map(_text, _list(item.get("commits", []))) if _SHA.fullmatch(sha)),
        environment=tuple((_text(label), _text(text)) for label, text in _list(item["environment"])),
    )


def _text_change(item: Json) -> TextChange:
    came, went = map(_count, _list(item["lines"]))
    if item["unit"] not in ("line", "row"):
        raise ValueError(item["unit"])
    return TextChange(name=_text(item["name"]), lines=(came, went), unit=item["unit"])


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _path(value: Json) -> str | None:
    return None if value is None else _text(value)


def _count(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(value)
    return value


def _scalar(value: Json) -> Json:
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(value)
    return value
