"""A matrix and its points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from gpu_doc.config.yaml12 import Scalar
from gpu_doc.model.values import Scalar as Value

Matrix = Mapping[str, Sequence[Scalar]]


def points(name: str, matrix: Matrix) -> Iterator[tuple[str, dict[str, str], dict[str, Value]]]:
    """Yield each point's address, values as written, and values; the last key changes fastest.

    Without a matrix, there is one point; its address is the run's name.
    """
    if not matrix:
        yield name, {}, {}
        return
    for combination in product(*matrix.values()):
        written = {key: as_written(value) for key, value in zip(matrix, combination, strict=True)}
        address = ",".join(f"{key}={text}" for key, text in written.items())
        yield f"{name}[{address}]", written, {k: v.value for k, v in zip(matrix, combination, strict=True)}


def as_written(value: Scalar) -> str:
    """Return a value as addresses write it: `1e-4` stays `1e-4`, and an empty value is `null`."""
    return value.text or ("null" if value.value is None else "")


def trouble(values: Sequence[Scalar]) -> Iterator[tuple[Scalar, str]]:
    """Yield the values of one key that don't fit into an address, or that occur twice."""
    seen = set()
    for value in values:
        text = as_written(value)
        if text in seen:
            yield value, f"`{text}` stands twice, so that an address would fit two runs"
        elif text != text.strip() or any(c in "[],\"'`<>\\" or not c.isprintable() for c in text):
            yield (
                value,
                f"`{text}` cannot be part of an address: no spaces around it, no quotes, and none of [ ] , < > \\",
            )
        seen.add(text)
