"""Writes alternative texts for pictures, which say what a picture shows.

Titles and axes are plain strings in the cell's source; a picture itself does not contain them as text.
"""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.address import Address
from gpu_doc.functions.shared.html_tables import from_html
from gpu_doc.functions.shared.plaintext import as_seen
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import ExecutedCell, joined
from gpu_doc.widgets.wording import without_tags

if TYPE_CHECKING:
    import ast

Output = Mapping[str, Json]

_LONGEST = 80
"""The most characters of a line that is quoted."""
_COLUMNS = 6
"""The most columns of a table that are named."""
_OUTPUTS = 3
"""The most outputs that are described."""
_LARGEST = 300_000
"""The most characters of HTML that are read for a description."""
_TITLES = frozenset({"title", "set_title", "suptitle", "title_text"})
_AXES = frozenset(
    {
        *("xlabel", "set_xlabel", "ylabel", "set_ylabel", "zlabel", "set_zlabel"),
        *("xaxis_title", "yaxis_title"),  # Plotly's
        *("x_axis_label", "y_axis_label"),  # Bokeh's
    }
)
_OF_AXES = frozenset({"X", "Y", "X2", "Y2", "Theta", "Radius", "Axis", "update_xaxes", "update_yaxes"})
"""What gets a title that is an axis's: Altair's and Plotly's."""
_OF_OTHERS = frozenset(
    {
        *("Color", "Fill", "Stroke", "Size", "Shape", "Opacity", "Detail", "Text"),
        *("Tooltip", "Legend", "Row", "Column", "Facet"),
    }
)
"""And one that is a legend's, or another part's."""
_SHAPE = re.compile(r"<p>([\d,]+) rows × ([\d,]+) columns</p>")  # noqa: RUF001 - pandas' own
_REPR = re.compile(r"<[\w.]+( object| at 0x)[^<>]*>")
_UNSEEN = re.compile(
    r"<(script|style|title|audio|video|noscript)\b.*?(?:</\1\s*>|\Z)|<!--.*?-->", re.IGNORECASE | re.DOTALL
)
_PLAYER = re.compile(r"<(audio|video)\b", re.IGNORECASE)
_DOLLARS = re.compile(r"^\$+(?:\\displaystyle)?|\$+$")
_BAR = re.compile(r"\|[\u2580-\u259f #]*\|")


def of_outputs(cell: ExecutedCell, shown: Sequence[Output], address: Address, call: Mapping[str, Json]) -> str:
    """Return the text for a picture of a cell's outputs; `call` has the options `show` and `output`."""
    images = sum(map(_is_image, shown))
    name = f"cell {address.cell} in run {address.run}"
    figures = _figures(cell, images, call.get("output")) or f"Figure of {name}"
    parts = [figures] if images else []
    parts += [text for output in shown if not _is_image(output) and (text := _described(output))]
    more = f"; and {len(parts) - _OUTPUTS} more" if len(parts) > _OUTPUTS else ""
    text = "; ".join(parts[:_OUTPUTS]) + more
    if call.get("show") == "cell":
        return f"Source of {name}, and below it: {text}" if text else f"Source of {name}"
    return text or _figures(cell, 1, call.get("output")) or f"Output of {name}"


def of_file(address: Address) -> str:
    """Return the text for a picture of a file."""
    return f"{PurePosixPath(address.file or '').name} of run {address.run}"


def of_terminal(command: Sequence[str], lines: Sequence[str]) -> str:
    """Return the text for a terminal: the command, and the last line that it wrote."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"Terminal: {_short(shlex.join(command))}; its last line: {_short(last)}"


def _is_image(output: Output) -> bool:
    data = output.get("data") or {}
    return "text/html" not in data and "text/markdown" not in data and any(kind.startswith("image/") for kind in data)


def _figures(cell: ExecutedCell, images: int, number: Json) -> str:
    titles, axes = _labels(cell.source) if cell.language == "python" else ([], [])
    if number is not None and sum(map(_is_image, cell.outputs)) > 1:
        titles, axes = [], []  # which of them belong to this one is not known
    said = ": " + ", ".join(titles) if titles else ""
    said += f" (axes: {', '.join(axes)})" if axes else ""
    return ("Figure" if images == 1 else f"{images} figures") + said if said else ""


def _labels(source: str) -> tuple[list[str], list[str]]:
    """Return the titles and names of axes that are plain strings in a source, in its order."""
    import ast

    code = "\n".join("pass" if line.startswith(("%", "!")) else line for line in source.split("\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the source, such as for "\d"
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []
    calls = sorted((node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=_place)
    found = [label for call in calls for label in _of_call(call)]
    titles = dict.fromkeys(text for kind, text in found if kind in _TITLES)
    axes = dict.fromkeys(text for kind, text in found if kind in _AXES)
    return [*titles], [*axes]


def _place(call: ast.Call) -> tuple[int, int]:
    return call.end_lineno or 0, call.end_col_offset or 0


def _of_call(call: ast.Call) -> Iterator[tuple[str, str]]:
    import ast

    # alt.X("step", title="Step"), and alt.X("step").title("Step")
    object_ = call.func.value if isinstance(call.func, ast.Attribute) else None
    part = _name(object_.func if isinstance(object_, ast.Call) and _name(call.func) == "title" else call.func)
    given: list[tuple[str, ast.expr]] = [(word.arg or "", word.value) for word in call.keywords]
    if isinstance(call.func, ast.Attribute) and call.args:
        given.insert(0, (call.func.attr, call.args[0]))
    for name, value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and name in _TITLES | _AXES:
            kind = "xlabel" if name == "title" and part in _OF_AXES else name
            if name != "title" or part not in _OF_OTHERS:
                yield kind, _short(value.value)


def _name(called: ast.expr) -> str:
    """The last name of what is called."""
    return str(getattr(called, "attr", None) or getattr(called, "id", ""))


def _described(output: Output) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _lines(joined(output.get("text", "")))
    if kind == "error":
        return _short(f"{output.get('ename', 'Error')}: {output.get('evalue', '')}")
    data = output.get("data") or {}
    html, plain = joined(data.get("text/html", "")), joined(data.get("text/plain", ""))
    if "<table" in html and len(html) <= _LARGEST and (table := _table(html)):
        return table
    if "text/markdown" in data:
        return _lines(re.sub(r"^#+ ", "", joined(data["text/markdown"]), flags=re.MULTILINE))
    return _without_plain(data, html) if _REPR.fullmatch(plain.strip()) else _lines(plain)


def _without_plain(data: Mapping[str, Json], html: str) -> str:
    """Describe an output whose plain text is a mere `<IPython.core.display.Math object>`."""
    tree = data.get("application/json", data.get("application/geo+json"))
    if isinstance(tree, (dict, list)):
        return f"JSON: {', '.join(map(_short, [*tree][:_COLUMNS]))}" if isinstance(tree, dict) else "JSON"
    if latex := joined(data.get("text/latex", "")).strip():
        return f"Formula: {_short(_DOLLARS.sub('', latex).strip())}"
    if "<script" in html.lower() or len(html) > _LARGEST:
        return ""
    if text := _short(without_tags(_UNSEEN.sub("", html))):
        return f"Text: {text}"
    player = _PLAYER.search(html)
    return f"Player of {player[1].lower()}" if player else ""


def _table(html: str) -> str:
    try:
        table = from_html(html)
    except ReportError:
        return ""
    if table is None or not table.head:
        return ""
    whole = _SHAPE.search(html)
    named = [name for name in table.head if name]
    rows, columns = (whole[1], whole[2]) if whole else (f"{len(table.rows):,}", f"{len(named):,}")
    title = f"{_short(table.titles[0])}: " if table.titles else ""
    names = ", ".join(map(_short, named[:_COLUMNS])) + (", …" if len(named) > _COLUMNS else "")
    return f"Table: {title}{_counted(rows, 'row')} × {_counted(columns, 'column')} ({names})"  # noqa: RUF001 - pandas' own


def _counted(number: str, what: str) -> str:
    return f"{number} {what}" if number == "1" else f"{number} {what}s"


def _lines(text: str) -> str:
    lines = [line for line in as_seen(text).split("\n") if line.strip()]
    if not lines:
        return ""
    more = f", the first of {len(lines):,} lines" if len(lines) > 1 else ""
    return f"Text: {_short(lines[0])}{more}"


def _short(text: str) -> str:
    plain = " ".join(_BAR.sub(" ", re.sub(r"\x1b\[[0-9;]*m", "", text)).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1].rstrip() + "…"
