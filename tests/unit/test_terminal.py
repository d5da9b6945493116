"""Terminal bytes as a person saw them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.model.pictures import Span
from gpu_doc.text.terminal import LONGEST, plain_text, read_screen
from gpu_doc.text.terminal_colours import PAGE, Theme, contrast, foreground

BAR = ["all: 100%|#| 3/3 [00:01<00:00, 2it/s]"]


def shown(log: str, columns: int = 100) -> list[str]:
    return plain_text(read_screen(log.encode(), columns=columns))


@pytest.mark.parametrize(
    ("log", "lines"),
    [
        ("", []),
        ("one\r\ntwo\r\n\r\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("10%\r 50%\r100%\r\n", ["100%"]),
        ("long line\rab", ["abng line"]),
        ("long line\r\x1b[Kab", ["ab"]),
        ("a\r\nb\r\n\x1b[2A\x1b[2KA\r\n\x1b[2KB\r\n", ["A", "B"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("old\x1b[2J\x1b[Hnew", ["new"]),
        ("日本語|", ["日本語|"]),
        ("👩‍💻|", ["👩‍💻|"]),
        ("e\u0301❤️ ok", ["é❤️ ok"]),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("\x1b]0;title\x07text", ["text"]),
        ("\x1bPq#0;1~-\x1b\\text", ["text"]),
        (
            "bash: cannot set terminal process group (-1): Bad\r\nbash: no job control in this shell\r\ntext",
            ["text"],
        ),
        ("a\r\nb\x1b[?1049h\x1b[2J\x1b[Hmenu\r\nof\x1b[?1049l\r\nc", ["a", "b", "c"]),
        ("a\r\n\x1b[?47hgone" + "\r\n" * 99 + "\x1b[?47lb", ["a", "b"]),
        ("a\r\n\x1b[?1049h\x1b[Hstill there", ["still there"]),
        ("a\r\n\x1b[?1049h\x1b[?1049hx\x1b[?1049l\x1b[?1049lb", ["a", "b"]),
        ("epoch: 50%|#####     | 40/40 [00:00<00:00, 78.5it/s]\rall: 100%|#| 3/3 [00:01<00:00, 2it/s]", BAR),
        ("a | 3/3 [x]y] [z]", ["a | 3/3 [x]y] [z]"]),
        ("\x1b[?25ltext\x1b[?25h\x1b[>4;2m\x1b[6n\x1b[c", ["text"]),
    ],
)
def test_what_was_written_is_carried_out(log: str, lines: list[str]) -> None:
    assert shown(log) == lines


def test_lines_wrap_at_the_width() -> None:
    assert shown("x" * 25, columns=10) == ["x" * 10, "x" * 10, "x" * 5]
    assert shown("日本語日本", columns=5) == ["日本", "語日", "本"]


def test_lines_that_scrolled_off_are_kept_up_to_a_bound() -> None:
    log = "".join(f"line {i}\r\n" for i in range(200))
    assert shown(log) == [f"line {i}" for i in range(200)]
    bounded = plain_text(read_screen(log.encode(), history=100))
    assert bounded[0].startswith("… earlier lines are left out")
    assert bounded[-1] == "line 199"


def test_styles_are_spans() -> None:
    (line,) = read_screen(b"plain \x1b[1;31mbold red\x1b[0m \x1b[3;4;9mall\x1b[0m \x1b[38;2;10;20;30mtrue\x1b[0m")
    assert line[0] == Span(text="plain ")
    assert line[1] == Span(text="bold red", foreground="#cf222e", bold=True)
    assert line[3] == Span(text="all", italic=True, underline=True, strike=True)
    assert line[5] == Span(text="true", foreground="#0a141e")


@pytest.mark.parametrize(
    ("sequence", "span"),
    [
        ("7", Span(text="x", foreground="#ffffff", background="#24292f")),
        ("7;31", Span(text="x", foreground="#ffffff", background="#cf222e")),
        ("2", Span(text="x", foreground="#7c7f82")),
        ("2;22", Span(text="x")),
        ("41;37", Span(text="x", foreground="#ffffff", background="#cf222e")),
        ("48;5;196", Span(text="x", foreground="#ffffff", background="#ff0000")),
        ("38:2::10:20:30", Span(text="x", foreground="#0a141e")),
        ("38:5:160", Span(text="x", foreground="#d70000")),
        ("4:3", Span(text="x", underline=True)),
        ("58;5;3", Span(text="x")),
        ("58:2::1:2:3", Span(text="x")),
        ("38;5", Span(text="x")),
    ],
)
def test_rendition(sequence: str, span: Span) -> None:
    ((first, *_),) = read_screen(f"\x1b[{sequence}mx".encode())
    assert first == span


@pytest.mark.parametrize("theme", ["light", "dark"])
@given(st.integers(0, 0xFFFFFF))
def test_every_colour_can_be_read_on_its_page(theme: Theme, colour: int) -> None:
    seen = foreground(f"{colour:06x}", None, theme)
    assert seen
    assert contrast(seen, PAGE[theme][1]) >= 2.95


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", [*range(30, 38), *range(90, 98)])
def test_the_sixteen_colours_can_be_read(theme: Theme, number: int) -> None:
    ((span,),) = read_screen(f"\x1b[{number}mx".encode(), theme=theme)
    assert contrast(span.foreground or "", PAGE[theme][1]) >= 2.95


@given(st.binary(max_size=300))
def test_no_bytes_fail(log: bytes) -> None:
    for line in read_screen(log, columns=20):
        for span in line:
            assert span.foreground is None or len(span.foreground) == 7


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x3000, exclude_categories=["Cc", "Cs"]), max_size=40))
def test_text_of_any_script_does_not_fail(text: str) -> None:
    read_screen(text.encode())


def test_a_log_of_100_megabytes_is_read_in_seconds() -> None:
    log = b"epoch 1 loss 0.123 accuracy 0.94 and more text\r\n" * (100_000_000 // 48)
    began = time.process_time()
    lines = plain_text(read_screen(log))
    assert time.process_time() - began < 20
    assert lines[0] == "… earlier lines are left out (100.0 MB in all)"
    assert len(lines) > 9_000


def test_a_long_line_is_cut_where_it_is_written_anew() -> None:
    lines = shown("first\r\n" + "\r50%|#####     |" * (LONGEST // 10) + "\r100%|##########|\r\n")
    assert lines[1:] == ["100%|##########|"]


def test_a_long_log_that_begins_on_a_second_screen_begins_after_it() -> None:
    log = b"a\r\n\x1b[?1049h" + b"gone\r\n" * (LONGEST // 6) + b"\x1b[?1049lshown\r\n"
    assert plain_text(read_screen(log))[1:] == ["shown"]
