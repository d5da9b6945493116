"""What is printed past our console: by argparse, by threads that fail, by Python at its end."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gpu_doc.console.streams import Guarded, Reader


class Bytes(io.BytesIO):
    """Bytes that can be read after Python has closed the text around them."""

    def close(self) -> None:
        pass


def guarded(encoding: str = "utf-8") -> tuple[Guarded, Bytes]:
    raw = Bytes()
    return Guarded(Reader(io.TextIOWrapper(raw, encoding=encoding))), raw


def test_a_command_in_pieces_is_none() -> None:
    stream, raw = guarded()
    for piece in (":", ":err", "or::x\n", "fine\n#", "#[group]y"):
        stream.write(piece)
    assert raw.getvalue() == b": :error::x\nfine\n"
    stream.end()
    stream.end()
    assert raw.getvalue() == b": :error::x\nfine\n# #[group]y\n"


def test_what_an_encoding_lacks_is_replaced() -> None:
    stream, raw = guarded("ascii")
    stream.write("\udc80::é\n")
    assert raw.getvalue() == b"?::?\n"


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_reader_that_is_not_there_is_none(stream: Any) -> None:
    reader = Reader(stream)
    assert reader.write("text") == 4
    assert not reader.isatty()
    assert reader.encoding == "utf-8"
