"""Which outputs of a cell a picture shows."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_doc.pictures.cellpage import joined


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(
            [stream("stderr", "100%|###|"), stream("stdout", "done\n"), stream("stderr", "\n")],
            [stream("stderr", "100%|###|"), stream("stdout", "done\n")],
            id="a progress bar that ends after a print",
        ),
        pytest.param(
            [stream("stderr", "\r 50%|#  |\r         \r"), stream("stdout", "done\n")],
            [stream("stdout", "done\n")],
            id="a progress bar that wipes itself out",
        ),
        pytest.param(
            [stream("stdout", "a\n"), stream("stderr", "\x1b[A\n"), stream("stdout", "b\n")],
            [stream("stdout", "a\nb\n")],
            id="nothing between two pieces",
        ),
        pytest.param(
            [stream("stdout", "a"), stream("stdout", "\n"), stream("stdout", "b")],
            [stream("stdout", "a\nb")],
            id="a newline of the same stream counts",
        ),
    ],
)
def test_streams_that_show_nothing_are_no_output(written: list[dict[str, Any]], shown: list[dict[str, Any]]) -> None:
    assert joined(written) == shown
