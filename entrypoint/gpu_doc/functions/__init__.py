"""The functions that templates may call: one file each; `shared/` has what several of them use.

A function's file declares one `FUNCTION` (see shared/function.py). No other file lists the names of functions: they are
found by their files, and a module is imported when its function is first used.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_doc.functions.shared.function import Function


@cache
def names() -> tuple[str, ...]:
    """Return the names of all functions, in alphabetical order. Imports none of them."""
    from pkgutil import iter_modules  # not needed if all is fresh

    files = (module.name for module in iter_modules(__path__) if not module.ispkg)
    return tuple(sorted(name for name in files if not name.startswith("_")))


@cache
def named(name: str) -> Function | None:
    """Return the function of a name; None if there is none, since a pull request's evidence may name any."""
    if name not in names():
        return None
    function: Function = import_module(f"{__name__}.{name}").FUNCTION
    return function


def in_order() -> tuple[Function, ...]:
    """Return all functions in the order of the docs: for parts of a run, then for runs; pictures before text."""
    return tuple(sorted(filter(None, map(named, names())), key=lambda function: function.place))
