"""Checks the calls of template functions, each once; those that a rehearsal finds, before anything runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gpu_doc import functions
from gpu_doc.errors import ReportError
from gpu_doc.functions.shared.address import parse
from gpu_doc.functions.shared.function import BoundCall, Function
from gpu_doc.functions.shared.options import LATER
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Report
from gpu_doc.model.location import Location
from gpu_doc.text.nearest import did_you_mean, listed


def bind(call: Call, report: Report) -> BoundCall:
    """Check a function's arguments, and find its runs. Raises ReportError with what there is instead."""
    function = functions.named(call.function)
    if function is None:
        remedy = did_you_mean(call.function, functions.names())
        raise ReportError(f"there is no function {call.function}()", remedy=remedy)
    for name in call.kwargs:
        if name in LATER:
            raise ReportError(f"`{name}=` comes in a later version of gpu-doc", remedy="Leave it out for now.")
    first = function.first.word
    given = dict(call.kwargs)
    arguments = [*call.args, *([given.pop(first)] if first in given else [])]
    if function.second and len(arguments) == 2 and function.second not in given:
        given[function.second] = arguments.pop()
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        options, more = (" and then options by name", ", …") if function.options else ("", "")
        raise ReportError(
            f"{function.name}() takes one {first}{options}",
            remedy=f'Write {function.name}("{function.first.example}"{more}).',
        )
    for name, value in given.items():
        _judge(function, name, value)
    address = parse(arguments[0])
    return BoundCall(
        call=call,
        function=function,
        written=arguments[0],
        address=address,
        runs=function.first.runs(address, report),
        options={name: value for name, value in given.items() if value is not None},
    )


def asked(call: Call) -> Call:
    """Return the call that is asked instead of one: for a claim, that for what it is judged by."""
    function = functions.named(call.function)
    return function.judged(call) if function and function.judged else call


def _judge(function: Function, name: str, value: object) -> None:
    """Raise ReportError if a function has no such option, or the option can't have this value."""
    if name not in function.options:
        takes = f"it takes {listed(tuple(function.options))}" if function.options else "it takes none"
        remedy = did_you_mean(name, function.options)
        raise ReportError(f"{function.name}() has no option {name}=; {takes}", remedy=remedy)
    if value is not None:
        function.options[name](name, value)


def check(
    call: Call, report: Report, root: Path, *, location: Location | None = None, known: BoundCall | None = None
) -> BoundCall:
    """Check a call by what can be known before its run. Raises ReportError or NotebookFileError.

    `location` is where in the template, or in the report in place, the call stands; `known` is the call as it was
    bound before, if it was.
    """
    try:
        bound = known or bind(call, report)
        bound.function.check(bound, root)
    except ReportError as error:
        raise located(error, call, location) from None
    return bound


def located(error: ReportError, call: Call, location: Location | None) -> ReportError:
    """Return the error with the call's address and, if it has no location, the call's place in the template."""
    address = next((f'"{arg}"' for arg in call.args if isinstance(arg, str)), "")
    told = error.where or error.what.startswith(f"{call.function}(")
    what = error.what if told else f"{call.function}({address}): {error.what}"
    where: Location | str = error.location or error.where or location or ""
    if location and error.where and error.location != location:
        where = replace(location, shows=error.where)
    return ReportError(what, where=where, remedy=error.remedy, details=error.details)
