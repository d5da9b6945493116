"""The resources that a run used, as sampled: its peaks in words, and the points of its chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.text.units import readable_time

Points = Sequence[tuple[float, float]]
"""Seconds since the start, and a value."""


@dataclass(frozen=True)
class Consumption:
    """A run's samples and peaks; execution/agent/sampling.py explains them."""

    samples: Sequence[Sequence[float | None]]
    peaks: dict[str, float]
    """`cpu` in cores, `memory` and `gpu_memory` in bytes, `gpu` from 0 to 1; only those known."""
    seconds: float

    def points(self, name: str) -> Points:
        """The values of one of `peaks` over time."""
        column = 1 + ("cpu", "memory", "gpu_memory", "gpu").index(name)
        known = [(float(row[0] or 0), value) for row in self.samples if (value := row[column]) is not None]
        if column in (1, 4) and len(known) > 1:
            # These are means since the previous sample, so the first one has no meaning.
            return [(known[0][0], known[1][1]), *known[1:]]
        return known


def read(result: Result) -> Consumption | None:
    """The resources that a run used; None if nothing was sampled."""
    try:
        kept: Json = json.loads(result.resources.read_bytes())
        samples = [tuple(map(_number, sample)) for sample in kept["samples"]]
        peaks = {name: value for name, peak in kept["peaks"].items() if (value := _number(peak)) is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if any(len(sample) != 5 for sample in samples) or not {"cpu", "memory"} <= peaks.keys():
        return None
    return Consumption(samples, peaks, float(result.record.get("seconds") or 0))


def _number(value: Json) -> float | None:
    return None if value is None else float(value)


def sentence(taken: Consumption) -> str:
    """The peaks in a sentence, such as `Peak: 3.9 CPU cores, 2.1 GB memory; ran 12 min 5 s`."""
    if not taken.samples:
        return f"Ran {readable_time(taken.seconds)}, too short to be measured."
    peaks = taken.peaks
    parts = [f"{cores(peaks['cpu'])} CPU {'core' if cores(peaks['cpu']) == '1' else 'cores'}"]
    parts.append(f"{size(peaks['memory'])} memory")
    if "gpu_memory" in peaks:
        parts.append(f"{size(peaks['gpu_memory'])} GPU memory")
    if "gpu" in peaks:
        parts.append(f"{peaks['gpu']:.0%} GPU".replace("%", " %"))
    return f"Peak: {', '.join(parts)}; ran {readable_time(taken.seconds)}."


def summary(taken: Consumption) -> str:
    """The peaks for a line of a log: `peak 2.1 GB, 11 GB GPU`; empty if the run was too short to measure."""
    if not taken.samples:
        return ""
    gpu = taken.peaks.get("gpu_memory")
    return f"peak {size(taken.peaks['memory'])}" + (f", {size(gpu)} GPU" if gpu is not None else "")


def cores(value: float) -> str:
    """Return a number of cores for people: `0.4`, `3.9`, `1`, `24`."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def size(number: float) -> str:
    """Return bytes for people: `312 MB`, `1.2 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9)):
        if number >= 0.9995 * factor:
            amount = number / factor
            return f"{amount:.0f} {unit}" if amount >= 99.5 else f"{f'{amount:.1f}'.removesuffix('.0')} {unit}"
    return f"{number / 1e6:.0f} MB"
