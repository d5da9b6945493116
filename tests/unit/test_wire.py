"""Messages between processes: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import pytest

from gpu_doc.execution.agent.wire import Reader, WireError, write

Facts = TypedDict("Facts", {"cuda-driver": str, "free": int})


@dataclass(frozen=True)
class Inner:
    name: str
    size: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("a size below 0")


@dataclass(frozen=True)
class Whole:
    number: int
    well: bool
    kind: Literal["a", "b"]
    maybe: str | None
    words: tuple[str, ...]
    pair: tuple[int, str]
    table: Mapping[str, int]
    inner: Inner | None
    facts: Facts
    json: Any = None
    more: tuple[Inner, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Other:
    pass


WHOLE = Whole(
    number=3,
    well=True,
    kind="a",
    maybe=None,
    words=("x", "é\ud800"),
    pair=(1, "y"),
    table={"z": 2},
    inner=Inner("i", 1.5),
    facts={"cuda-driver": "1", "free": 2},
    json=[{"j": 1}],
)
read = Reader(Whole, Inner, longest=1000)


def with_(**changed: Any) -> bytes:
    name, fields = json.loads(write(WHOLE))
    return json.dumps([name, fields | changed]).encode()


def without(name: str) -> bytes:
    fields = json.loads(write(WHOLE))[1]
    del fields[name]
    return json.dumps(["Whole", fields]).encode()


def test_what_is_written_is_read_again() -> None:
    assert read(write(WHOLE)) == WHOLE
    assert b"\n" not in write(WHOLE)
    assert read(without("more")) == WHOLE


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"{nope",
        b"[" * 500_000,
        b'["Whole", {"json": ' + b"[" * 500_000,
        b"9" * 100_000,
        b"null",
        b'"Whole"',
        b'{"Whole": {}}',
        b'["Whole"]',
        b'["Whole", {}, {}]',
        b'["Whole", null]',
        b'["Whole", []]',
        b'["Unheard", {}]',
        b'[["Whole"], {}]',
        b'["str", "x"]',
        write(Other()),
        without("number"),
        without("maybe"),
        with_(unheard=1),
        with_(number="3"),
        with_(number=True),
        with_(number=1.5),
        with_(number=10**30),
        with_(well=1),
        with_(kind="c"),
        with_(kind=["a"]),
        with_(maybe=5),
        with_(maybe="x" * 1001),
        with_(words="x"),
        with_(words=["x", 1]),
        with_(words={"x": 1}),
        with_(pair=[1]),
        with_(pair=["1", "y"]),
        with_(pair=[1, "y", 2]),
        with_(table=[1]),
        with_(table={"z": "2"}),
        with_(table={"z" * 1001: 2}),
        with_(inner={}),
        with_(inner={"name": "i", "size": "big"}),
        with_(inner={"name": "i", "size": -1}),
        with_(inner={"name": "i", "size": float("nan")}),
        with_(inner={"name": "i", "size": float("inf")}),
        with_(inner={"name": "i", "size": 1e300}),
        with_(inner=["i"]),
        with_(more=[{"name": 1}]),
        with_(facts={"cuda-driver": "1"}),
        with_(facts={"cuda-driver": 1, "free": 2}),
        with_(facts={"cuda-driver": "1", "free": 2, "other": 3}),
    ],
)
def test_nothing_else_is_read(line: bytes) -> None:
    with pytest.raises(WireError):
        read(line)
