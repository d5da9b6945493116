"""The page that lists causes says what the program says, and leaves none out."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.troubleshooting import listed, sentences

from gpu_doc.execution.containers import failures

PACKAGE = Path(__file__).parents[2] / "entrypoint/gpu_doc"


def texts() -> str:
    """All that the program may say: its string literals, a line each."""
    trees = (ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_the_page_lists_only_what_is_said() -> None:
    said = texts()
    assert len(sentences()) > 40
    assert [parts for parts in sentences() if not all(part in said for part in parts)] == []


def test_the_page_lists_every_failure_of_an_engine() -> None:
    refused = [what for _, _, what, _ in failures._REFUSALS]
    unreachable = [what for _, what, _ in failures._UNREACHABLE]
    others = [failures.gone(words).what for words in ("", "timed out")]
    others.append(failures.unreachable("unix:///x", "", "?").what)
    assert [what for what in (*refused, *unreachable, *others) if not listed(what)] == []
