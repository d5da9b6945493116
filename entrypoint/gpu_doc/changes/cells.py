"""Compares the tables and texts that a report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gpu_doc.model.changes import TextChange, ValueChange
from gpu_doc.model.values import Json

Table = Sequence[Sequence[str]]
"""Rows of cells, the head first."""


def cells(before: Mapping[str, Table], after: Mapping[str, Table]) -> Iterator[ValueChange]:
    """Return the changed cells of tables that both sides have, with the same columns."""
    for name in after:
        if name in before and before[name][:1] == after[name][:1]:
            yield from _cells(name, before[name], after[name])


def _cells(name: str, before: Table, after: Table) -> Iterator[ValueChange]:
    old, new = _by_label(before), _by_label(after)
    head = after[0] if after else ()
    for label in new:
        for place, text in enumerate(new[label]) if label in old else ():
            was = old[label][place] if place < len(old[label]) else ""
            if was != text:
                column = f", {head[place]}" if len(head) > 2 and place < len(head) else ""
                yield ValueChange(name=f"{name}: {label}{column}", before=number(was), after=number(text))


def _by_label(table: Table) -> dict[str, Sequence[str]]:
    """Return the rows below the head by their first cell; by number if two rows have the same one, or none."""
    rows = table[1:]
    labels = [row[0] if row else "" for row in rows]
    distinct = len(set(labels)) == len(labels) and all(labels)
    return {
        label if distinct else f"row {place}": row
        for place, (label, row) in enumerate(zip(labels, rows, strict=True), 1)
    }


def rows(before: Mapping[str, Table], after: Mapping[str, Table]) -> Iterator[TextChange]:
    """Return the tables whose rows or columns differ, and those that only one side has."""
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name, ()), after.get(name, ())
        same_columns = old[:1] == new[:1]
        # The changed cells of rows that both sides have are listed one by one.
        first, second = (list(_by_label(table)) if same_columns else list(map(tuple, table)) for table in (old, new))
        if set(first) != set(second):
            yield TextChange(name=name, lines=_difference(first, second), unit="row")
        elif first != second:
            yield TextChange(name=name, lines=(0, 0), unit="row")


def texts(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[TextChange]:
    """Return the texts that differ."""
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            yield TextChange(name=name, lines=_difference(old.splitlines(), new.splitlines()))


def _difference(before: Sequence[object], after: Sequence[object]) -> tuple[int, int]:
    old, new = Counter(before), Counter(after)
    return (new - old).total(), (old - new).total()


def number(text: str) -> Json:
    """Return a cell's number if it is written as one; else its text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
