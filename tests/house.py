"""The rooms of the program, and which of them need which: read from the source, and drawn in docs/design.md.

python -m tests.house      prints each room with those that it needs (`make house`)
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "entrypoint/gpu_doc"
MODULES = tuple(sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")))
ROOMLESS = (Path("__init__.py"), Path("execution/__init__.py"))
"""They hold nothing but the version, and a sentence."""
DESIGN = TOP / "docs/design.md"

_GROUPS = frozenset({"execution"})
"""Folders whose folders are rooms."""
_ARROW = re.compile(r"^ *(?P<room>\w+) --> (?P<needed>\w+(?: & \w+)*)$", re.MULTILINE)


def room_of(module: Path) -> str:
    """Return the room of a module: the folder that it is in, and of one that is in none its own name."""
    depth = 1 if module.parts[0] in _GROUPS else 0
    return module.parts[depth].removesuffix(".py")


@cache
def tree(module: Path) -> ast.Module:
    """Return a module, parsed."""
    return ast.parse((PACKAGE / module).read_text("utf-8"), str(module))


def imported(module: Path) -> Iterator[tuple[str, int]]:
    """Every module imported anywhere in a file, inside functions and for types too, with its line."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: write imports in full"
            assert node.module
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@cache
def arrows() -> dict[tuple[str, str], list[str]]:
    """Return each pair of rooms of which the first needs the second, with the imports that say so."""
    found: dict[tuple[str, str], list[str]] = {}
    for module in MODULES:
        for name, line in imported(module):
            needed = _module(name)
            if needed and needed not in ROOMLESS and room_of(needed) != room_of(module):
                found.setdefault((room_of(module), room_of(needed)), []).append(f"{module}:{line} imports {name}")
    return found


def needs() -> dict[str, set[str]]:
    """Return each room with those that it needs."""
    graph: dict[str, set[str]] = {room_of(module): set() for module in MODULES if module not in ROOMLESS}
    for room, needed in arrows():
        graph[room].add(needed)
    return graph


def _module(name: str) -> Path | None:
    """Return the module of ours that an import names, or the module that has what it names; None for others."""
    package, *parts = name.split(".")
    if package != "gpu_doc":
        return None
    for last in (len(parts), len(parts) - 1):
        path = Path(*parts[:last])
        for found in (path.with_suffix(".py") if parts[:last] else Path("__init__.py"), path / "__init__.py"):
            if found in MODULES:
                return found
    raise AssertionError(f"no module {name}")


def drawn() -> dict[str, set[str]]:
    """Return the picture in docs/design.md: each room, and those that it points to."""
    found: dict[str, set[str]] = {}
    for arrow in _ARROW.finditer(DESIGN.read_text("utf-8")):
        found.setdefault(arrow["room"], set()).update(arrow["needed"].split(" & "))
    return found


def reached(graph: Mapping[str, set[str]], room: str) -> set[str]:
    """Return all rooms that arrows lead to, over others too."""
    below = graph.get(room, set())
    return below.union(*(reached(graph, each) for each in below))


def main() -> int:
    """Print the rooms, the lowest first, and say whether they form a circle."""
    graph = needs()
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        sys.stdout.write(f"a circle: {' -> '.join(error.args[1])}\n")
        return 1
    for room in order:
        # What another one leads to as well needs no arrow of its own.
        direct = {each for each in graph[room] if not any(each in reached(graph, other) for other in graph[room])}
        sys.stdout.write(f"{room} --> {' & '.join(sorted(direct))}\n" if direct else f"{room}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
