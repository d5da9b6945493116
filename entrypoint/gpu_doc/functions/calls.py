"""Which functions templates may call, with what, and what the arguments of one call are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gpu_doc.errors import ReportError
from gpu_doc.functions.plaintext import check_pattern, line_slice
from gpu_doc.model.answers import Call
from gpu_doc.model.values import Json
from gpu_doc.text.nearest import did_you_mean, listed

_LATER = frozenset({"annotate", "focus"})
_WIDTHS = range(16, 4097)


def _text(name: str, value: Json) -> None:
    if not isinstance(value, str):
        raise ReportError(f"{name}= is a text, not {value!r}")


def _choice(*allowed: str) -> Callable[[str, Json], None]:
    def check(name: str, value: Json) -> None:
        if value not in allowed:
            raise ReportError(
                f"{name}={value!r} is none of: {listed(allowed)}", remedy=did_you_mean(str(value), allowed)
            )

    return check


def _number(name: str, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ReportError(f"{name}={value!r} is no output: 1 is the first output of the cell, 2 the second")


def _width(name: str, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _WIDTHS:
        raise ReportError(f"{name}={value!r} is no width: it is CSS pixels, {_WIDTHS[0]} to {_WIDTHS[-1]}")


def _lines(name: str, value: Json) -> None:
    _text(name, value)
    line_slice(value)


def _pattern(name: str, value: Json) -> None:
    _text(name, value)
    check_pattern(value)


def _names(name: str, value: Json) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ReportError(f'{name}= is a list of names, such as {name}=["accuracy", "loss"]')


def _best(name: str, value: Json) -> None:
    wanted = list(value.values()) if isinstance(value, dict) else [value]
    for item in wanted:
        _choice("max", "min")(name, item)


def _anything(_name: str, _value: Json) -> None:
    """Leave what comes later unjudged: it is refused by name."""


_OPTIONS: Mapping[str, Callable[[str, Json], None]] = {
    "caption": _text,
    "alt": _text,
    "show": _choice("output", "cell"),
    "output": _number,
    "theme": _choice("light", "dark", "both"),
    "width": _width,
    "lines": _lines,
    "match": _pattern,
    "values": _names,
    "best": _best,
    "focus": _anything,
    "annotate": _anything,
}
_PICTURE = ("caption", "alt", "theme", "width")
_SIGNATURES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "shot": ("address", (*_PICTURE, "show", "output", "focus", "annotate")),
    "image": ("address", ("caption", "alt", "output")),
    "text": ("address", ("lines", "match")),
    "table": ("address", ("output",)),
    "code": ("address", ()),
    "value": ("address", ()),
    "terminal": ("run", (*_PICTURE, "lines", "match", "annotate")),
    "compare": ("address", ("values", "best")),
    "environment": ("run", ()),
    "resources": ("run", _PICTURE),
    "launch_command": ("run", ()),
}


@dataclass(frozen=True)
class Arguments:
    """A call's address and options, judged one by one."""

    address: str
    options: Mapping[str, Json]

    def get(self, name: str) -> Json:
        """An option, None if it is not given."""
        return self.options.get(name)


def bind(call: Call) -> Arguments:
    """Judge what a function was given. Raises ReportError with what it takes instead."""
    if call.function not in _SIGNATURES:
        known = [name for name in _SIGNATURES if name not in _LATER]
        raise ReportError(f"there is no function {call.function}()", remedy=did_you_mean(call.function, known))
    _refuse_later(call)
    first, allowed = _SIGNATURES[call.function]
    given = dict(call.kwargs)
    arguments = [*call.args, *([given.pop(first)] if first in given else [])]
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        example = "baseline" if first == "run" else "sweep[*]" if call.function == "compare" else "baseline/loss-curve"
        raise ReportError(
            f"{call.function}() takes one {first}" + (" and then options by name" if allowed else ""),
            remedy=f'Write {call.function}("{example}"{", …" if allowed else ""}).',
        )
    for name, value in given.items():
        if name not in allowed:
            offered = [option for option in allowed if option not in _LATER]
            takes = f"it takes {listed(offered)}" if offered else "it takes none"
            raise ReportError(f"{call.function}() has no option {name}=; {takes}", remedy=did_you_mean(name, offered))
        if value is not None:
            _OPTIONS[name](name, value)
    return Arguments(arguments[0], {name: value for name, value in given.items() if value is not None})


def _refuse_later(call: Call) -> None:
    for name in (call.function, *call.kwargs):
        if name in _LATER:
            what = f"{name}()" if name == call.function else f"{name}="
            raise ReportError(f"`{what}` comes in a later version of gpu-doc", remedy="Leave it out for now.")
