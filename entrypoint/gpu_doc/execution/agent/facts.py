"""The types of what an agent finds and measures, as JSON; records and evidence keep it in this form.

wire.py reads them at run time: only the standard library of Python 3.8, in annotations too.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, TypedDict


class Gpu(TypedDict):
    """A GPU; sizes in bytes, 0 if not known."""

    id: str
    index: str
    name: str
    memory: int
    free: int


Facts = TypedDict(
    "Facts",
    {
        "gpus": List[Gpu],
        "hidden": int,
        "packages": Dict[str, str],
        "driver": str,
        "cuda-driver": str,
        "problem": str,
        "cuda": str,
        "cudnn": str,
        "python": str,
        "system": str,
        "distribution": str,
    },
)
"""What the probe finds (probe.py)."""

Sample = Tuple[float, float, float, Optional[float], Optional[float]]


class Peaks(TypedDict):
    """The maxima of all samples."""

    cpu: float
    memory: float
    gpu_memory: Optional[float]
    gpu: Optional[float]


class Resources(TypedDict):
    """What a run used (sampling.py)."""

    interval: float
    samples: List[Sample]
    peaks: Peaks
    cpu_seconds: float


def demand_no_negative(value: Any) -> None:
    """Raise ValueError if a number in `value` is negative: sizes, counts and seconds never are."""
    if isinstance(value, (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            demand_no_negative(each)
    elif isinstance(value, (int, float)) and value < 0:
        raise ValueError("a number below 0")
