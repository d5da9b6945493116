"""Takes out of outputs what differs from one execution to the next and says nothing of the result.

Else a notebook with one warning or one progress bar would bring a new picture at each refresh. docs/outputs.md lists it
all. `value()` doesn't pass by here: what looks like noise there is a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from gpu_doc.model.values import Json
from gpu_doc.text.folding import fold

Output = Mapping[str, Json]

# No part of a pattern is without end: some output is 30 MB of whatever comes nearest to it.
_CELL_FILE = re.compile(r"(?:[\w.~+-]{0,99}/){0,20}ipykernel_\d{1,9}/(\d{1,20})\.py")
"""ipykernel's name for a cell: a folder with the process's id, then a hash of the source."""
_OBJECT = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}\b")
"""CPython's default `repr` of an object."""
_BLANK = "[ \xa0\u2007]"  # tqdm keeps blanks apart in HTML by making them as wide as digits
_CLOCK = r"\d{1,5}(?::\d\d){1,2}"
_RATE = r"(?:\?|[\d.]{1,20})[^\s\],]{1,20}"
_METER = re.compile(
    rf"(?P<before>{_BLANK}{{0,4}})\[{_CLOCK}(?:<|&lt;)(?:\?|{_CLOCK}),{_BLANK}{{0,4}}{_RATE}"
    rf"(?:,{_BLANK}{{0,4}}(?P<postfix>[^\]\n]{{0,500}}))?\]"
)
"""tqdm's time spent, time left and rate: https://tqdm.github.io/docs/tqdm/#format_meter. What follows is the user's."""
_TEXTS = ("text/plain", "text/html", "text/markdown")
_REPEATED = 3
"""How often a line of a warning may follow itself."""


def without_noise(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Give outputs (nbformat 4) with one text for each such thing."""
    return tuple(map(_output, outputs))


def _output(output: Output) -> Output:
    if output["output_type"] == "stream":
        text = steady(_folded(_joined(output.get("text", ""))))
        return {**output, "text": "".join(_once(text)) if output.get("name") == "stderr" else text}
    if output["output_type"] == "error":
        return {**output, "traceback": [steady(str(line)) for line in output.get("traceback") or ()]}
    data = output.get("data") or {}
    return {**output, "data": {kind: steady(_joined(d)) if kind in _TEXTS else d for kind, d in data.items()}}


def _folded(text: str) -> str:
    """Return what was written over itself as it stood then: a bar without its clock wouldn't cover what lies below."""
    return fold(text) if _METER.search(text) else text


def steady(text: str) -> str:
    """Give a text with cells' files, addresses in memory and the clocks of progress bars as they are each time."""
    if "ipykernel_" in text:
        text = _CELL_FILE.sub(r"ipykernel/\1.py", text)
    if "at 0x" in text:
        text = _OBJECT.sub("at 0x…", text)
    return _METER.sub(_postfix, text) if "/s" in text or "s/" in text else text


def _postfix(meter: re.Match[str]) -> str:
    return f"{meter['before']}[{meter['postfix']}]" if meter["postfix"] else ""


def _once(text: str) -> Iterator[str]:
    """A line that follows itself, once with how often: Matplotlib warns of a missing font for each text it draws."""
    for line, same in groupby(text.splitlines(keepends=True)):
        times = len(list(same))
        yield line
        if times > _REPEATED and line.strip():
            yield f"(the same line {times - 1:,} more times)\n"
        else:
            yield line * (times - 1)


def _joined(text: Any) -> Any:
    return "".join(text) if isinstance(text, list) else text
