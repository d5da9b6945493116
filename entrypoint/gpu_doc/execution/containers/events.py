"""What an agent may tell us, by its shape: a run can write where its agent does (`> /proc/1/fd/1`).

What each event means stands in execution/agent/agent.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Test = Callable[[Any], bool]

_LONGEST = 1 << 16
"""Characters of a text."""

_LARGEST = 1e18
"""Of numbers: bytes of memory, seconds. JSON's own reach 1e308, and Python's reader takes NaN."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not _is_flag(value) and abs(value) <= _LARGEST


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not _is_flag(value) and 0 <= value <= _LARGEST


def _or_none(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _list_of(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _table_of(test: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(_is_text, value)) and all(map(test, value.values()))


def _object(required: Mapping[str, Test], optional: Mapping[str, Test] | None = None) -> Test:
    known = {**required, **(optional or {})}

    def test(value: Any) -> bool:
        if not isinstance(value, dict) or not required.keys() <= value.keys() <= known.keys():
            return False
        return all(known[key](each) for key, each in value.items())

    return test


def _is_sample(value: Any) -> bool:
    return _list_of(_or_none(_is_amount))(value) and len(value) == 5 and None not in value[:3]


_RESOURCES = _object(
    {
        "interval": _is_amount,
        "samples": _list_of(_is_sample),
        "peaks": _object(
            {"cpu": _is_amount, "memory": _is_amount, "gpu_memory": _or_none(_is_amount), "gpu": _or_none(_is_amount)}
        ),
        "cpu_seconds": _is_amount,
    }
)
_GPU = _object({"id": _is_text, "index": _is_text, "name": _is_text, "memory": _is_amount, "free": _is_amount})
_FACTS = _object(
    {
        "gpus": _list_of(_GPU),
        "hidden": _is_amount,
        "packages": _table_of(_is_text),
        **dict.fromkeys(("driver", "cuda-driver", "problem", "cuda", "cudnn"), _is_text),
        **dict.fromkeys(("python", "system", "distribution"), _is_text),
    }
)
_SHORTAGES = {"out_of_memory": _is_flag, "out_of_processes": _is_flag}
_PASSED = {"passed": _list_of(_is_text)}
"""Not of a detached command's agent that came from an older version of ours."""
_LEFT = {
    "files": _is_amount,
    "missing": _list_of(_is_text),
    "old": _list_of(_is_text),
    "problem": _is_text,
    "resources": _RESOURCES,
}
_ENDED = {"seconds": _is_amount, **_LEFT}


def _event(required: Mapping[str, Test] | None = None, optional: Mapping[str, Test] | None = None) -> Test:
    return _object({"event": _is_text, **(required or {})}, optional)


def _refusal(facts: Mapping[str, Test] | None = None) -> Test:
    return _event({"outcome": _is_text, **(facts or {})}, _SHORTAGES)


_LACKING = {"python": _is_text, "closed": _list_of(_is_text)}
_REFUSALS: Mapping[str, Test] = {
    "no kernel": _refusal({"name": _is_text, "installed": _list_of(_is_text)}),
    "no ipykernel": _refusal({"version": _is_text, **_LACKING}),
    "no start": _refusal({"argv": _list_of(_is_text), "status": _or_none(_is_whole), "log": _is_text}),
    "no jupyterlab": _refusal(_LACKING),
    "read-only": _refusal(),
    "token": _refusal(),
    "no answer": _refusal(),
}
_COMMAND_REFUSED = _event({"errno": _or_none(_is_whole), "message": _is_text, **_ENDED}, {**_SHORTAGES, **_PASSED})


def _is_refusal(value: Any) -> bool:
    return _REFUSALS.get(str(value.get("outcome")), _COMMAND_REFUSED)(value)


_KERNEL = {
    "name": _is_text,
    "language": _is_text,
    "argv": _list_of(_is_text),
    "interrupt_mode": lambda value: value in ("signal", "message"),
}
_EVENTS: Mapping[str, Test] = {
    "probe": _event({"facts": _FACTS}),
    "refused": _is_refusal,
    "kernel": _event(_KERNEL),
    "shortages": _event(optional=_SHORTAGES),
    "died": _event({"status": _is_whole}, _SHORTAGES),
    "produced": _event(_LEFT, _PASSED),
    "started": _event(),
    "done": _event(
        {"status": _or_none(_is_whole), **_ENDED}, {**_SHORTAGES, **_PASSED, "left_out": _is_amount, "asked": _is_flag}
    ),
    "ready": _event(),
    "ended": _event({"status": _is_whole}, _SHORTAGES),
}


def is_event(payload: bytes) -> bool:
    """Say whether this is an event as an agent sends it."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    name = event.get("event") if isinstance(event, dict) else None
    return isinstance(name, str) and name in _EVENTS and _EVENTS[name](event)
