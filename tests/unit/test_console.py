"""What is printed, and what notebooks cannot make us print."""

from __future__ import annotations

import io
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc import console as module
from gpu_doc.console import Console, harmless, plain, readable_time
from gpu_doc.errors import RunError
from gpu_doc.resources import document_path


def make(
    *, interactive: bool = False, colour: bool = False, ci: bool = False
) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console(out, err, interactive=interactive, colour=colour, ci=ci), out, err


def test_results_go_out_and_everything_about_them_beside() -> None:
    console, out, err = make()
    console.say("result")
    console.note("noted")
    console.warn("careful")
    assert out.getvalue() == "result\n"
    assert err.getvalue() == "noted\nWarning: careful\n"


def test_an_error_says_what_where_details_remedy_and_where_to_read() -> None:
    console, _, err = make()
    error = RunError("it broke", where="n.ipynb, cell 3", details="line 1\n\nline 3", remedy="Mend it.", kept="x.ipynb")
    console.error(error)
    assert err.getvalue() == (
        "Error: it broke\n  in n.ipynb, cell 3\n\n  | line 1\n  |\n  | line 3\n\n"
        f"  Mend it.\n  Kept: x.ipynb\n  More: {document_path('troubleshooting.md')}#failed-runs\n"
    )


def test_a_defect_is_a_report_ready_to_be_sent() -> None:
    console, _, err = make()
    try:
        raise ZeroDivisionError("ours")  # noqa: TRY301 - a defect is an exception from anywhere
    except ZeroDivisionError as error:
        console.defect(error, ["run", "--force"])
    for words in ("gpu-doc run --force", "ZeroDivisionError: ours", "Python 3", "Please report"):
        assert words in err.getvalue()


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text"),
        ("\x9b31mtext", "text"),
        ("a\rb\x07\x08", "a\nb"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\u202eabc", "abc"),
        ("日本語 é 👩‍💻", "日本語 é 👩‍💻"),
    ],
)
def test_text_cannot_steer_a_terminal(text: str, safe: str) -> None:
    assert plain(text) == safe


@given(st.text())
def test_plain_text_has_no_control_characters(text: str) -> None:
    assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in plain(text))


@pytest.mark.parametrize(
    "text",
    ["::error::x", "  ::add-path::/x", "a\n::set-env name=A::b", "text ##[add-path]/x", "\t::stop-commands::t", ":::x"],
)
def test_text_cannot_command_the_runner(text: str) -> None:
    console, out, err = make(ci=True)
    console.say(text)
    console.error(RunError(text, details=text, where=text))
    for line in (out.getvalue() + err.getvalue()).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_escapes_cannot_hide_a_command() -> None:
    console, out, _ = make(ci=True)
    console.say("\x1b[0m::error::x\n:\x1b[0m:error::y\n#\x1b[m#[error]z\r::warning::w")
    assert not any(line.startswith("::") or "##[" in line for line in out.getvalue().splitlines())


@given(st.text(st.sampled_from(":#[ \na\t\u00a0\u2003"), max_size=20))
def test_harmless_text_stays_so(text: str) -> None:
    for line in harmless(text).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_outside_of_ci_colons_stay() -> None:
    console, out, _ = make()
    console.say("::directive::")
    assert out.getvalue() == "::directive::\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.9, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
    ],
)
def test_times_read_well(seconds: float, words: str) -> None:
    assert readable_time(seconds) == words


def test_a_log_has_plain_lines_and_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.5)
    console, _, err = make()
    with console.progress() as progress:
        progress.started("baseline", 0)
        progress.cell("baseline", 3, 7, "loss-curve")
        time.sleep(2.2)
        progress.message("baseline: a word")
        progress.finished("baseline", 75.0, ok=False)
    lines = err.getvalue().splitlines()
    assert lines[0] == "baseline: started"
    assert lines[1].startswith("baseline: cell 3/7 loss-curve, ")
    assert lines[-2:] == ["baseline: a word", "baseline: failed after 1 min 15 s"]


def test_a_terminal_has_a_line_for_each_run_that_ends_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "24")
    from gpu_doc.stages.answering.terminal import plain_text, read_screen

    console, _, err = make(interactive=True, colour=True)
    with console.progress() as progress:
        progress.started("a", 0)
        progress.started("b", 0)
        progress.cell("a", 1, 2, "x" * 100 + "\x1b[2J\n")
        console.warn("in between")
        time.sleep(0.5)
        during = plain_text(read_screen(err.getvalue().encode(), columns=40))
        progress.finished("a", 1.0, ok=True)
        progress.finished("b", 2.0, ok=False)
    after = plain_text(read_screen(err.getvalue().encode(), columns=40))
    assert during[0] == "Warning: in between"
    assert during[1].startswith("  a  cell 1/2 xxx")
    assert during[1].endswith("…")
    assert during[2].startswith("  b  starting")
    assert after == ["Warning: in between", "✓ a  1.0 s", "✗ b  2.0 s"]


def test_threads_do_not_mix_lines() -> None:
    console, out, _ = make()

    def talk(word: str) -> None:
        for _ in range(50):
            console.say(word * 50)

    threads = [threading.Thread(target=talk, args=[word]) for word in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {len(set(line)) for line in out.getvalue().splitlines()} == {1}


def test_a_stream_that_lacks_characters_gets_others() -> None:
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii"), io.StringIO(), interactive=False, colour=False, ci=False)
    console.say("ünï ✓")
    assert raw.getvalue() == b"?n? ?\n"
