"""Pictures that are certain to be refused, judged from a notebook's source before it runs.

Certain is only what a cell says in so many words: IPython's own name, called with literal arguments, as what the cell
shows last or gives to `display`. What depends on a variable, on another cell or on what the cell printed the last time
may have become another thing meanwhile, and is judged when it is there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import CaptureError
from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.location import Location
from gpu_doc.model.pictures import Exhibit
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import SourceCell, is_python, kernel_name, source_cells
from gpu_doc.pictures.layout import Loss
from gpu_doc.pictures.losses import incomplete
from gpu_doc.record.imports import parse

_MODULES = ("IPython.display", "IPython.core.display", "IPython.lib.display")
_FRAMES = {
    "YouTubeVideo": "https://www.youtube.com/embed/",
    "VimeoVideo": "https://player.vimeo.com/video/",
    "ScribdDocument": "https://www.scribd.com/embeds/",
}
_KINDS = {
    "IFrame": Loss("frame", tag="iframe"),
    "Image": Loss("image", tag="img"),
    "Video": Loss("media", tag="video"),
    "iframe": Loss("frame", tag="iframe"),
    "img": Loss("image", tag="img"),
}
"""What is refused of a class that is given an address, and of an element in `HTML`."""
_NOT_TO_BE_JUDGED = re.compile(
    r"^\s*%%|\b(?:clear_output|update_display|ast_node_interactivity)\b|^\s*%(?!matplotlib\b)", re.MULTILINE
)
"""What changes what a cell shows."""
_HTML = re.compile(
    r"""\s*<(?P<tag>iframe|img)(?:\s+(?:src=(["'])(?P<src>https?://[^"'<>]*)\2|(?:width|height)=(["']?)[1-9][\d%]+\4))*"""
    r"""\s*/?>(?:\s*</iframe>)?\s*"""
)
"""HTML that is nothing but a frame or image from elsewhere, and in no way hidden."""


def refused(call: BoundCall, place: Location, root: Path) -> CaptureError | None:
    """Return why the picture of a cell will be refused; None where that is not certain."""
    notebook = call.run.notebook
    if not (call.function.takes_pictures and notebook and call.address.cell) or call.get("output"):
        return None
    path = root / notebook
    if not is_python(path, call.run.kernel or kernel_name(path)):
        return None
    cells = source_cells(path)
    cell = next((cell for cell in cells if call.address.cell in cell.names), None)
    loss = _loss(cell, _names(cells)) if cell else None
    if not cell or not loss:
        return None
    where = Location(notebook, cell=cell.number, cell_name=cell.name)
    error = incomplete(Exhibit(kind="output", width=1, scale=1, name=call.written, location=where), [loss])
    error.locate(replace(place, shows=str(where)))
    return error


def _names(cells: Sequence[SourceCell]) -> Mapping[str, str]:
    """What of IPython's the names of a notebook stand for: those that nothing else in it may have given."""
    bound: dict[str, set[str]] = {}
    for cell in cells:
        tree = parse(cell.source)
        if tree is None or _NOT_TO_BE_JUDGED.search(cell.source):
            return {}
        for name, meaning in _bound(tree):
            bound.setdefault(name, set()).add(meaning)
    if "*" in bound:
        return {}
    return {name: next(iter(meanings)) if len(meanings) == 1 else "" for name, meanings in bound.items()}


def _bound(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that code may give, each with what it stands for where that is IPython's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            ours = node.module in _MODULES and not node.level
            for alias in node.names:
                yield alias.asname or alias.name, alias.name if ours else ""
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], ""
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ""


def _loss(cell: SourceCell, names: Mapping[str, str]) -> Loss | None:
    """What the picture of a cell would lack."""
    tree = parse(cell.source)
    if tree is None or "raises-exception" in cell.tags:
        return None
    for number, statement in enumerate(tree.body, start=1):
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        last = number == len(tree.body) and not cell.source.rstrip().endswith(";")
        shown = call.args if names.get(call.func.id, call.func.id) == "display" and not call.keywords else [call] * last
        found = [
            _of(names.get(each.func.id, ""), each)
            for each in shown
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
        ]
        if loss := next(filter(None, found), None):
            return loss
    return None


def _of(kind: str, call: ast.Call) -> Loss | None:
    """What is lacking of what a call of a class of IPython's shows; its arguments are literals or it is not judged."""
    try:
        args = [ast.literal_eval(arg) for arg in call.args]
        given = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        return None
    first, *sizes = [*args, *given.values()] or [""]
    known = set(given) <= {"src", "url", "id", "width", "height"} and all(map(_is_size, sizes))
    if not known or not isinstance(first, str):
        return None
    if kind in _FRAMES and first:
        return Loss("frame", tag="iframe", address=_FRAMES[kind] + first)
    # Image("https://…") fetches the image and embeds it; only url= leaves it where it is.
    if (kind == "IFrame" or (kind in _KINDS and "url" in given and not args)) and re.match("https?://", first):
        return replace(_KINDS[kind], address=first)
    found = _HTML.fullmatch(first) if kind == "HTML" and not sizes else None
    return replace(_KINDS[found["tag"]], address=found["src"]) if found and found["src"] else None


def _is_size(value: Json) -> bool:
    """Whether it is a width or height that is to be seen."""
    return re.fullmatch(r"[1-9]\d+|[1-9]\d*%", str(value)) is not None
