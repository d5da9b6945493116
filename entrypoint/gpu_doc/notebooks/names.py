"""How code cells are named and counted: one rule for plans, runs, reports and messages.

An address may use any tag, label or id of a cell. Messages use its first tag that is a name, else its label. Workers
import this too, so it needs only the standard library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

PARAMETERS = "parameters"
"""papermill's tag for the cell that holds the default parameters."""

MAY_FAIL = "raises-exception"
"""nbclient's tag for a cell whose exception is what it shows: https://nbclient.readthedocs.io/en/latest/client.html"""

INJECTED = "injected-parameters"
"""papermill's tag for the cell that it adds. That cell has no number: addresses count the source notebook's cells."""

THAT_MATTER = frozenset({PARAMETERS, INJECTED, MAY_FAIL, "skip-execution"})
"""The tags that change what papermill and nbclient do with a cell; any other only names it."""

_DIRECTIVE = re.compile(
    r"""(?:hide|remove)[-_](?:(?:all|single)[-_])?(?:input|output|cell|code|stdout|stderr)s?  # Jupyter Book, nbconvert
    | (?:scroll|keep)[-_]output | output[-_]scroll | full[-_]width | margin | popout  # Jupyter Book, nbstripout
    | raises-exception | skip-execution | no-execute | injected-parameters | papermill[-_].*
    | (?:thebe|nbval|nbsphinx)[-_].*""",
    re.VERBOSE,
)
"""Tags that are instructions for tools, not names."""

_OPTION = re.compile(r"\s*(?:#|//|--|%)\|(?P<indent>\s*)(?P<text>.*?)\s*")
_ENTRY = re.compile(r"""(?P<quote>["']?)(?P<key>[\w-]+)(?P=quote)\s*:(?:\s+(?P<value>.*))?""")
_SINGLE = re.compile(r"'(?P<text>(?:[^']|'')*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")\s*(?:#.*)?')
_BLOCK = re.compile(r"[|>][-+\d]*\s*(?:#.*)?")


def is_name(tag: str) -> bool:
    """Whether a tag is a name, so that messages may suggest it."""
    return tag != PARAMETERS and not _DIRECTIVE.fullmatch(tag)


def own_name(tags: Sequence[str], label: str) -> str:
    """The name of a cell in messages, beside its number; empty if it has none."""
    if INJECTED in tags:
        return "injected parameters"
    return next(filter(is_name, tags), "") or label or (PARAMETERS if PARAMETERS in tags else "")


def cell_name(cell: Mapping[str, Any]) -> str:
    """The name of a notebook's code cell in messages."""
    return own_name(cell["metadata"].get("tags", ()), label(cell["source"]))


def counts(tags: Collection[object]) -> bool:
    """Whether a code cell with these tags has a number."""
    return INJECTED not in tags


def cell_numbers(cells: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Return for each cell its number among the source notebook's code cells, from 1; None for all others."""
    numbers: list[int | None] = []
    count = 0
    for cell in cells:
        counted = cell["cell_type"] == "code" and counts(cell["metadata"].get("tags", ()))
        count += counted
        numbers.append(count if counted else None)
    return numbers


# --- labels ----------------------------------------------------------------------------------------------------------


def label(source: str) -> str:
    """The `label` in the option lines at the start of a cell: `#| label: fig-loss`; empty if there is none.

    https://quarto.org/docs/reference/cells/cells-jupyter.html. The lines are YAML, but we parse each entry by itself:
    other entries, such as a caption with a colon, may not be valid YAML.
    """
    for key, value, below in _options(source):
        if key == "label":
            return " ".join(below) if not value or _BLOCK.fullmatch(value) else _scalar(value)
    return ""


def is_option(line: str) -> bool:
    """Whether a line is an option of a cell, such as its label, written as a comment with `#`."""
    return line.lstrip().startswith("#|")


def _options(source: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield key and value of each top-level entry, and the lines nested below it."""
    lines = list(_option_lines(source))
    while lines:
        indent, text = lines.pop(0)
        entry = _ENTRY.fullmatch(text)
        if not entry:
            continue
        value, below = entry["value"] or "", []
        if not value or value.startswith("#") or _BLOCK.fullmatch(value):
            while lines and (lines[0][0] > indent or not lines[0][1]):
                below.append(lines.pop(0)[1])
        yield entry["key"], "" if value.startswith("#") else value, list(filter(None, below))


def _option_lines(source: str) -> Iterator[tuple[int, str]]:
    """Yield indentation and text of the option lines at the start; magics and empty lines may be among them."""
    for line in source.splitlines():
        if option := _OPTION.fullmatch(line):
            yield len(option["indent"]), option["text"]
        elif line.strip() and not line.startswith("%%"):
            return


def _scalar(text: str) -> str:
    if single := _SINGLE.fullmatch(text):
        return single["text"].replace("''", "'")
    if double := _DOUBLE.fullmatch(text):
        try:
            return str(json.loads(double["text"]))
        except ValueError:  # an escape that JSON does not know
            return double["text"][1:-1]
    plain = re.split(r"\s#", text, maxsplit=1)[0].strip()
    return "" if plain in ("~", "null") else plain.strip("\"'")
