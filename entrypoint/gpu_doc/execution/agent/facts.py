"""What an agent finds and measures, as JSON holds it: records and evidence keep it so.

Read at run time by wire.py, so nothing but the standard library of Python 3.8, in annotations too.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, TypedDict


class Gpu(TypedDict):
    """A GPU; sizes in bytes, 0 where they are not known."""

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
"""What programs find around them (probe.py)."""

Sample = Tuple[float, float, float, Optional[float], Optional[float]]


class Peaks(TypedDict):
    """The highest of every single look."""

    cpu: float
    memory: float
    gpu_memory: Optional[float]
    gpu: Optional[float]


class Resources(TypedDict):
    """What a run took (sampling.py)."""

    interval: float
    samples: List[Sample]
    peaks: Peaks
    cpu_seconds: float


def demand_no_negative(value: Any) -> None:
    """Raise ValueError where a number in it is below 0: sizes, counts and seconds are none."""
    if isinstance(value, (dict, list, tuple)):
        for each in value.values() if isinstance(value, dict) else value:
            demand_no_negative(each)
    elif isinstance(value, (int, float)) and value < 0:
        raise ValueError("an amount below 0")
