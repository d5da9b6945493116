"""`resources()`: a chart of a run's use of resources, a panel for each measure over one time axis, and the peaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import checks, options
from gpu_doc.functions.shared.function import RUN, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.answers import Answer
from gpu_doc.model.values import Json
from gpu_doc.record import consumption
from gpu_doc.record.consumption import Consumption, Points, cores, size

_LEFT, _RIGHT = 44.0, 8.0
_TITLE, _HEIGHT, _GAP, _AXIS = 26.0, 88.0, 22.0, 26.0
"""Heights in pixels: of a panel's title, of its plot, of the gap between two panels, and of the time axis."""
_CHARACTER = 7.6
"""The largest width of a character, in pixels."""
_MOST_TICKS = 8
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 240)

_COLOURS: Mapping[str, Mapping[str, str]] = {
    "light": {"text": "#1f2328", "muted": "#59636e", "grid": "#e4e8ec", "base": "#8c959f", "page": "#ffffff",
              "host": "#0969da", "gpu": "#1a7f37"},
    "dark": {"text": "#e6edf3", "muted": "#9198a1", "grid": "#262c34", "base": "#6e7681", "page": "#0d1117",
             "host": "#4493f8", "gpu": "#3fb950"},
}  # fmt: skip


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    taken = consumption.read(results.result(call.run))
    if taken is None:
        what = f"what run {call.address.run} took was not measured: it was made by an earlier version"
        raise ReportError(what, remedy="Run again with --force.")
    if not taken.samples:
        return call.answered(consumption.sentence(taken))
    pictured = [
        replace(exhibit, outputs=(_output(chart(taken, width=exhibit.width, theme=exhibit.theme)),))
        for exhibit in results.framing.exhibits(call, "output")
    ]
    measured = "CPU, memory and GPU" if "gpu_memory" in taken.peaks else "CPU and memory"
    answer = results.framing.pictured(call, pictured, f"{measured} of run {call.address.run} over time")
    return replace(answer, value=f"{answer.value}\n\n{consumption.sentence(taken)}")


def _output(drawing: str) -> Json:
    """Return our drawing as the output of a cell."""
    return {"output_type": "display_data", "data": {"image/svg+xml": drawing}, "metadata": {}}


@dataclass(frozen=True)
class _Panel:
    title: str
    unit: str
    peak: str
    points: Points
    """Times and values, in units of the axes."""
    step: float
    """The distance between two lines of the grid."""
    top: float
    colour: str


def chart(taken: Consumption, *, width: int, theme: str) -> str:
    """Return the chart as SVG, `width` pixels wide."""
    panels = [*_panels(taken)]
    height = len(panels) * (_TITLE + _HEIGHT) + (len(panels) - 1) * _GAP + _AXIS
    end = max((row[0] or 0 for row in taken.samples), default=0) or 1.0
    colours = _COLOURS[theme]
    frame = f'width="{width}" height="{height:.0f}" viewBox="0 0 {width} {height:.0f}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-family="DejaVu Sans, sans-serif" font-size="12">']
    at = 0.0
    for panel in panels:
        parts += _drawn(panel, at, width, end, colours)
        at += _TITLE + _HEIGHT + _GAP
    parts += _time_axis(at - _GAP, width, end, colours)
    return "\n".join([*parts, "</svg>"])


def _panels(taken: Consumption) -> Iterator[_Panel]:
    peaks = taken.peaks
    step, top = _scale(peaks["cpu"])
    yield _Panel("CPU", "cores in use", cores(peaks["cpu"]), taken.points("cpu"), step, top, "host")
    yield _sizes("Memory", peaks["memory"], taken.points("memory"), "host")
    if "gpu_memory" in peaks:
        yield _sizes("GPU memory", peaks["gpu_memory"], taken.points("gpu_memory"), "gpu")
    if "gpu" in peaks:
        points = [(second, share * 100) for second, share in taken.points("gpu")]
        yield _Panel("GPU", "% of time in use", f"{peaks['gpu'] * 100:.0f} %", points, 50, 100, "gpu")


def _sizes(title: str, peak: float, points: Points, colour: str) -> _Panel:
    unit, factor = ("GB", 1e9) if peak >= 0.9995e9 else ("MB", 1e6)
    step, top = _scale(peak / factor)
    return _Panel(title, unit, size(peak), [(second, value / factor) for second, value in points], step, top, colour)


def _scale(peak: float) -> tuple[float, float]:
    """A round distance between the lines of a grid, and the top of it, for values from 0 to `peak`."""
    rough = max(peak, 0.1) / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return step, step * max(1, math.ceil(peak / step * 0.999))


def _drawn(panel: _Panel, at: float, width: int, end: float, colours: Mapping[str, str]) -> Iterator[str]:
    left, right, bottom = _LEFT, width - _RIGHT, at + _TITLE + _HEIGHT

    def place(second: float, value: float) -> tuple[float, float]:
        return left + (right - left) * second / end, bottom - _HEIGHT * min(value / panel.top, 1)

    yield _text(left, at + 14, panel.title, colours["text"], bold=True, after=(panel.unit, colours["muted"]))
    yield _text(right, at + 14, "peak ", colours["muted"], anchor="end", after=(panel.peak, colours["text"]))
    for number in range(round(panel.top / panel.step) + 1):
        value = number * panel.step
        _, y = place(0, value)
        colour = colours["grid" if number else "base"]
        yield f'<path d="M{left:.0f} {round(y)}.5H{right:.0f}" stroke="{colour}"/>'
        yield _text(left - 8, round(y) + 4.5, f"{value:g}", colours["muted"], anchor="end")
    places = [place(*point) for point in panel.points]
    if not places:
        return
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    colour = colours[panel.colour]
    area = f"M{places[0][0]:.1f} {bottom:.1f}L{line}L{places[-1][0]:.1f} {bottom:.1f}Z"
    yield f'<path d="{area}" fill="{colour}" fill-opacity="0.14"/>'
    yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"/>'
    x, y = min(places, key=lambda spot: spot[1])
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}" stroke="{colours["page"]}" stroke-width="1.4"/>'


def _time_axis(at: float, width: int, end: float, colours: Mapping[str, str]) -> Iterator[str]:
    left, right = _LEFT, width - _RIGHT
    unit, name = (3600.0, "h") if end >= 3 * 3600 else (60.0, "min") if end >= 180 else (1.0, "s")
    steps = [step for step in (*_TICKS, *(hours * 3600 for hours in _HOURS)) if step % unit == 0 or unit == 1]
    step = next((step for step in steps if end / step <= _MOST_TICKS), steps[-1])
    for number in range(int(end / step * 1.0001) + 1):
        x = left + (right - left) * number * step / end
        yield f'<path d="M{round(x)}.5 {at:.0f}v5" stroke="{colours["base"]}"/>'
        label = f"{number * step / unit:g} {name}"
        inside = width - len(label) * _CHARACTER / 2
        yield _text(min(x, inside), at + 20, label, colours["muted"], anchor="middle")


def _text(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    anchor: str = "start",
    bold: bool = False,
    after: tuple[str, str] = ("", ""),
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    more, shade = after
    tail = f'<tspan fill="{shade}" font-weight="normal"> {escape(more)}</tspan>' if more else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"><tspan{weight}>{escape(text)}</tspan>'
        f"{tail}</text>"
    )


FUNCTION = Function(
    name="resources",
    text="a chart of CPU, memory and GPU over the run, and the peaks; drawn anew only when a result changed",
    first=RUN,
    options=options.PICTURE,
    gives=("picture", "text"),
    check=checks.whole_run,
    answer=_answer,
    label="resources",
    tells_results=False,
    stays="always",
    is_measured=lambda result: result.resources.is_file(),
)
