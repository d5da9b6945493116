"""What templates may call: each function is a file here, and `shared/` is what several of them use.

A function's file declares one `FUNCTION` (shared/function.py says what that holds). Nobody else lists the names of
functions: they are found by their files, and a module is imported when its function is first asked for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_doc.functions.shared.function import Function


@cache
def names() -> tuple[str, ...]:
    """The names of all functions, by alphabet. Imports none of them."""
    from pkgutil import iter_modules  # nothing asks for names where all is fresh

    files = (module.name for module in iter_modules(__path__) if not module.ispkg)
    return tuple(sorted(name for name in files if not name.startswith("_")))


@cache
def named(name: str) -> Function | None:
    """The function of a name; None where there is none, as evidence of a pull request may have it."""
    if name not in names():
        return None
    function: Function = import_module(f"{__name__}.{name}").FUNCTION
    return function


def in_order() -> tuple[Function, ...]:
    """All functions as a reader meets them: of parts of a run, then of runs; pictures before text."""
    return tuple(sorted(filter(None, map(named, names())), key=lambda function: function.place))
