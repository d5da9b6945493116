"""Notebooks that other programs write, and that no program should: each with what is to become of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

_ANSWER = "6 * 7  # 42"


@dataclass(frozen=True)
class NotebookCase:
    """A notebook's file. `said` is a part of the message that refuses it, as a regular expression."""

    name: str
    content: bytes
    suffix: str = ".ipynb"
    said: str = ""

    def __str__(self) -> str:
        return self.name

    @property
    def file(self) -> str:
        return self.name.replace(" ", "-") + self.suffix

    def write(self, folder: Path) -> Path:
        path = folder / self.file
        path.write_bytes(self.content)
        return path


def _code(source: Any = _ANSWER, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None} | more


def _text(source: Any = "# Text", **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source} | more


def _without(cell: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in cell.items() if key not in keys}


def _notebook(*cells: Any, **more: Any) -> bytes:
    whole = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | more
    return json.dumps({key: value for key, value in whole.items() if value != "none"}, indent=1).encode()


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


_OUTPUTS: list[Any] = [
    {"output_type": "display_data", "data": {"application/x.own": {"a": [1, None]}, "image/png": 5}, "metadata": None},
    {"output_type": "nonsense", "data": []},
    {"output_type": "stream", "text": 5},
    {},
    None,
    "text",
]
_SPEC = {"name": "python3", "display_name": "Python 3"}
_V3 = {"cell_type": "code", "input": [_ANSWER], "language": "python", "outputs": None, "prompt_number": "x"}
_ALIASES = "".join(f"  {name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in pairwise("abcdefghi"))
_BOMB = f"---\njupyter:\n  a: &a [x]\n{_ALIASES}---\n\n```python\n1\n```\n".encode()

MENDED = [
    NotebookCase("tags null", _notebook(_code(metadata={"tags": None}))),
    NotebookCase("tags one text", _notebook(_code(metadata={"tags": "answer"}))),
    NotebookCase("tag null", _notebook(_code(metadata={"tags": [None, "a", "a"]}))),
    NotebookCase("tag number", _notebook(_code(metadata={"tags": [1, "a"]}))),
    NotebookCase("no source", _notebook(_without(_code(), "source"), _without(_text(), "source"), _code())),
    NotebookCase("source null", _notebook(_code(None), _text(None), _code())),
    NotebookCase("source lines", _notebook(_code(["6 * 7", "  # 42"]))),
    NotebookCase("source empty list", _notebook(_code([]), _code())),
    NotebookCase("metadata null", _notebook(_code(metadata=None), _text(metadata=None), metadata=None)),
    NotebookCase("metadata missing", _notebook(_without(_code(), "metadata"), metadata="none")),
    NotebookCase("metadata empty list", _notebook(_code(metadata=[]), metadata=[])),
    NotebookCase("outputs null", _notebook(_code(outputs=None))),
    NotebookCase("outputs missing", _notebook(_without(_code(), "outputs", "execution_count"))),
    NotebookCase("outputs odd", _notebook(_code(outputs=_OUTPUTS))),
    NotebookCase("outputs text", _notebook(_code(outputs="nothing"))),
    NotebookCase("execution count odd", _notebook(_code(execution_count="5"), _code("1", execution_count=-1.5))),
    NotebookCase(
        "execution metadata odd",
        _notebook(
            _code(metadata={"execution": None, "papermill": [], "ExecuteTime": 1}),
            metadata={"papermill": None, "widgets": 5},
        ),
    ),
    NotebookCase("attachments null", _notebook(_text(attachments=None), _text(attachments=[1]), _code())),
    NotebookCase("keys that nobody knows", _notebook(_code(spam={"a": 1}), spam=None)),
    NotebookCase(
        "ids twice and invalid", _notebook(_code(id="a"), _code("1", id="a"), _code("2", id="ü b"), _code("3", id=5))
    ),
    NotebookCase("format missing", _notebook(_code(), nbformat="none", nbformat_minor="none")),
    NotebookCase("format text", _notebook(_code(), nbformat="4", nbformat_minor=None)),
    NotebookCase("format 4.0", _notebook(_without(_code(), "id"), nbformat_minor=0)),
    NotebookCase("format 4.99", _notebook(_code(), nbformat_minor=99)),
    NotebookCase(
        "format 3",
        _notebook(worksheets=[{"cells": [_V3, {"cell_type": "heading", "source": "T"}]}], nbformat=3, cells="none"),
    ),
    NotebookCase(
        "format 2", _notebook(worksheets=[{"cells": [_V3]}], nbformat=2, cells="none", metadata={"name": "x"})
    ),
    NotebookCase(
        "format 3 with an empty sheet", _notebook(worksheets=[{}, {"cells": [_V3]}], nbformat=3, cells="none")
    ),
    NotebookCase("byte order mark", b"\xef\xbb\xbf" + _notebook(_code())),
    NotebookCase("CRLF", _notebook(_code()).replace(b"\n", b"\r\n")),
    NotebookCase("not a number", _notebook(_code(metadata={"x": float("nan"), "y": float("inf")}))),
    NotebookCase("huge integer", _notebook(_code(metadata={"x": 10**400}))),
    NotebookCase("half a character in text", _notebook(_text("a\ud800b"), _code(), metadata={"\udfff": "\ud800"})),
    NotebookCase("kernelspec null", _notebook(_code(), metadata={"kernelspec": None, "language_info": None})),
    NotebookCase("kernelspec nameless", _notebook(_code(), metadata={"kernelspec": {"name": None, "display_name": 5}})),
    NotebookCase("kernelspec short", _notebook(_code(), metadata={"kernelspec": {"name": "python3"}})),
    NotebookCase(
        "language odd", _notebook(_code(), metadata={"kernelspec": _SPEC, "language_info": [1], "jupytext": 5})
    ),
    NotebookCase("header with a date", b"# ---\n# jupyter:\n#   when: 2024-01-01\n# ---\n\n# %%\n6 * 7  # 42\n", ".py"),
    NotebookCase("script with CRLF", b'# %% tags=["a"]\r\n6 * 7  # 42\r\n', ".py"),
    NotebookCase(
        "Markdown with a date",
        b"---\ndate: 2024-01-01\njupyter:\n  when: 2024-01-01\n---\n\n```python\n6 * 7  # 42\n```\n",
        ".md",
    ),
    NotebookCase("header that is no mapping", b"---\njupyter: [1, 2]\n---\n\n```python\n6 * 7  # 42\n```\n", ".md"),
]

REFUSED = [
    NotebookCase("tags mapping", _notebook(_code(metadata={"tags": {"a": 1}})), said=r'tag that is no text: {"a": 1}'),
    NotebookCase("tag list", _notebook(_code(metadata={"tags": ["a", ["b"]]})), said="tag that is no text"),
    NotebookCase("source number", _notebook(_text(), _code(5)), said=r"cell 2 .* has 5 where"),
    NotebookCase("source list of numbers", _notebook(_code(["x", 5])), said="has 5 where"),
    NotebookCase("source mapping", _notebook(_text({"a": 1})), said="where the text of its source belongs"),
    NotebookCase("metadata text", _notebook(_code(metadata="x")), said='has "x" for its metadata'),
    NotebookCase(
        "notebook metadata number", _notebook(_code(), metadata=5), said="this notebook has 5 for its metadata"
    ),
    NotebookCase("cell null", _notebook(_code(), None), said="cell 2 .* is null, not a cell"),
    NotebookCase("cell text", _notebook("x"), said="not a cell"),
    NotebookCase("cell type missing", _notebook(_without(_code(), "cell_type")), said="has no `cell_type`"),
    NotebookCase("cell type unknown", _notebook(_code(cell_type="sql")), said='unknown kind, "sql"'),
    NotebookCase("cell type list", _notebook(_code(cell_type=["code"])), said="unknown kind"),
    NotebookCase(
        "half a character in code",
        _notebook(_text(), _code("x = '\ud800'")),
        said=r"cell 2 .*half a character \(\\ud800\)",
    ),
    NotebookCase("format 5", _notebook(_code(), nbformat=5), said="format 5, which is newer"),
    NotebookCase("format 1", _notebook(_code(), nbformat=1), said="nobody reads"),
    NotebookCase("format true", _notebook(_code(), nbformat=True), said="says its format is true"),
    NotebookCase("format word", _notebook(_code(), nbformat="new"), said="says its format is"),
    NotebookCase("UTF-16", _notebook(_code()).decode().encode("utf-16"), said="not UTF-8 but UTF-16"),
    NotebookCase("Latin-1", b'{"cells": ["\xe9"]}', said="not UTF-8"),
    NotebookCase("list", b"[]", said="not a notebook"),
    NotebookCase("text", b'"cells"', said="not a notebook"),
    NotebookCase("cells null", _notebook(cells=None), said="not a notebook"),
    NotebookCase("worksheets mapping", _notebook(cells="none", worksheets={}, nbformat=3), said="not a notebook"),
    NotebookCase("worksheet list", _notebook(cells="none", worksheets=[[]], nbformat=3), said="not a notebook"),
    NotebookCase("nested deeply", _notebook(_code(metadata={"x": _nested(400)})), said="nested too deeply"),
    NotebookCase("nested without end", b'{"cells": ' + b"[" * 200_000, said="nested too deeply"),
    NotebookCase("number of 5000 digits", b'{"cells": [' + b"9" * 5000 + b"]}", said="thousands of digits"),
    NotebookCase("kernelspec text", _notebook(_code(), metadata={"kernelspec": "python3"}), said='kernel by "python3"'),
    NotebookCase(
        "kernel name number", _notebook(_code(), metadata={"kernelspec": {"name": 3}}), said="names its kernel by 3"
    ),
    NotebookCase(
        "R without a kernel",
        _notebook(_code(), metadata={"language_info": {"name": "R"}}),
        said="is in r, but names no kernel",
    ),
    NotebookCase("empty", b"", said="is empty"),
    NotebookCase(
        "header without a name", b"---\njupyter:\n  kernelspec: null\n---\n", ".md", said="jupytext cannot read this"
    ),
    NotebookCase(
        "header broken", b"---\njupyter: {\n---\n\n```python\n1\n```\n", ".md", said="jupytext cannot read this"
    ),
    NotebookCase("header without end", _BOMB, ".md", said="grows without end"),
    NotebookCase(
        "header that holds itself", b"# ---\n# jupyter:\n#   x: &a\n#     y: *a\n# ---\n", ".py", said="without end"
    ),
    NotebookCase("script in UTF-16", "# %%\n1\n".encode("utf-16"), ".py", said="not UTF-8 but UTF-16"),
]
