from __future__ import annotations

import pytest

from gpu_doc.text.folding import fold


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        pytest.param("plain\ntext\n", "plain\ntext\n", id="plain"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="windows line ends"),
        pytest.param(" 10%\r 55%\r100%\ndone", "100%\ndone", id="progress bar"),
        pytest.param("loading...\rok", "okading...", id="a shorter text leaves the rest"),
        pytest.param("loading...\r\x1b[Kok", "ok", id="erased first"),
        pytest.param("abc\b\bX", "aXc", id="backspace"),
        pytest.param("one\ntwo\n\x1b[2Aup\n", "upe\ntwo\n", id="cursor up"),
        pytest.param("a\x1b[3Cb", "a   b", id="cursor right"),
        pytest.param("old\nold\n\x1b[2J\x1b[Hnew", "new", id="cleared"),
        pytest.param("\x1b]8;;https://e.org\x1b\\link\x1b]8;;\x1b\\ \r", "link ", id="hyperlink"),
        pytest.param("bell\x07\x00", "bell", id="control characters"),
        pytest.param("中文\r文", "文文", id="wide"),
        pytest.param("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", id="colours alone stay as they are"),
        pytest.param("\x1b[31mred\x1b[0m\rb", "b\x1b[31med\x1b[0m", id="colours stay with their characters"),
        pytest.param(
            "\x1b[1;38;5;9mx\x1b[22my\r", "\x1b[1;38;5;9mx\x1b[0m\x1b[38;5;9my\x1b[0m", id="bold ends, colour not"
        ),
    ],
)
def test_text_written_over_itself_is_what_a_person_saw(written: str, seen: str) -> None:
    assert fold(written) == seen


def test_twenty_thousand_updates_of_a_bar_are_one_line() -> None:
    updates = "".join(f"\r{n:5d}/20000 " + "#" * (n // 500) for n in range(20_001))
    assert fold(updates) == "20000/20000 " + "#" * 40
