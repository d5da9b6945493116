"""What is printed, and what notebooks cannot make us print."""

from __future__ import annotations

import io
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.waiting import eventually
from tests.workflow_commands import found

from gpu_doc.console import progress as module
from gpu_doc.console.console import Console
from gpu_doc.console.workflow_commands import FileLines
from gpu_doc.errors import ConfigError, RunError
from gpu_doc.model.location import Location, Problem
from gpu_doc.resources import document_path
from gpu_doc.text.plain import plain
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    from gpu_doc.console.console import Locate


def make(
    *,
    interactive: bool = False,
    colour: bool = False,
    ci: bool = False,
    documents: str = "",
    locate: Locate = lambda _: None,
) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, interactive=interactive, colour=colour, ci=ci, locate=locate, documents=documents)
    return console, out, err


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


def unasked() -> list[str]:
    pytest.fail("this costs time, and only a runner's log shows it")


def test_a_log_has_plain_lines_and_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    console, _, err = make()
    with console.progress() as progress:
        progress.started("baseline", 0)
        progress.cell("baseline", 3, 7, "loss-curve")
        eventually(lambda: "cell 3/7" in err.getvalue())
        progress.message("baseline: a word")
        progress.finished("baseline", 75.0, ok=False, more=unasked)
    lines = err.getvalue().splitlines()
    assert lines[0] == "baseline: started"
    assert lines[1].startswith("baseline: cell 3/7 loss-curve, ")
    assert lines[-2:] == ["baseline: a word", "baseline: failed after 1 min 15 s"]


def test_a_terminal_has_a_line_for_each_run_that_ends_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "24")
    from gpu_doc.text.terminal import plain_text, read_screen

    console, _, err = make(interactive=True, colour=True)
    with console.progress() as progress:
        progress.started("a", 0)
        progress.started("b", 0)
        progress.cell("a", 1, 2, "x" * 100 + "\x1b[2J\n")
        console.warn("in between")
        eventually(lambda: "in between" in err.getvalue().rpartition("\x1b[")[0])
        during = plain_text(read_screen(err.getvalue().encode(), columns=40))
        progress.finished("a", 1.0, ok=True, more=unasked)
        progress.finished("b", 2.0, ok=False, more=unasked)
    after = plain_text(read_screen(err.getvalue().encode(), columns=40))
    assert during[0] == "Warning: in between"
    assert during[1].startswith("  a  cell 1/2 xxx")
    assert during[1].endswith("…")
    assert during[2].startswith("  b  starting")
    assert after == ["Warning: in between", "✓ a  1.0 s", "✗ b  2.0 s"]


# --- on a runner -----------------------------------------------------------------------------------------------------

HOSTILE = [
    "::error::x",
    "  ::add-path::/x",
    "a\n::set-env name=A::b",
    "text ##[add-path]/x",
    "\t::stop-commands::t",
    ":::x",
    "\r::add-mask::x",
    "a\r\n::add-path::/x",
    "\x1b[0m::add-path::/x",
    ":\x1b[0m:add-path::/x",
    ":\x00:add-path::/x",
    "#\x1b[m#[add-path]/x",
    "\u2028::add-path::/x",
    "\xa0\u3000::add-path::/x",
    "\ufeff::add-path::/x",
    ":\u200b:add-path::/x",
    "#\xad#[endgroup]",
    "x" * 100_000 + "\n::endgroup::\n##[endgroup]",
    "\udc80\n::add-path::/x",
    "%0A::add-path::/x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_cannot_command_the_runner(text: str) -> None:
    console, out, err = make(ci=True, locate=lambda location: FileLines(location.file, location.line + 1))
    console.say(text)
    console.note(text)
    console.verdict(text, text, good=True)
    console.error(RunError(text, details=text, where=Location(text, cell_name=text), remedy=text, kept=text))
    console.error(ConfigError(text, problems=[Problem(Location(text, 1, 2), text)], where=text, remedy=text))
    console.warn(text, where=text)
    console.defect(ValueError(text), [text])
    console.fold(text, [text])
    with console.progress() as progress:
        progress.started(text, 1)
        progress.cell(text, 1, 1, text)
        progress.message(text)
        progress.finished(text, 1.0, ok=False, more=lambda: [text])
    commands = found(out.getvalue() + err.getvalue())
    assert [command.name for command in commands] == [
        *("error", "error", "warning", "error", "group", "endgroup", "group", "endgroup")
    ]
    assert all(found(command.data) == [] for command in commands), "the runner writes data into the log"


@given(st.text(st.sampled_from(":#[ \na\t\r\u00a0\u2003\u200b\ufeff\u2028"), max_size=20))
def test_no_text_commands_the_runner(text: str) -> None:
    console, out, _ = make(ci=True)
    console.say(text)
    assert found(out.getvalue()) == []


def test_a_failure_is_an_annotation_and_the_rest_is_told_below() -> None:
    def locate(location: Location) -> FileLines:
        return FileLines(f"project/{location.file}", 40 + location.line)

    console, _, err = make(ci=True, documents="https://example.org/docs", locate=locate)
    where = Location("a:b.ipynb", 2, cell=3)
    error = RunError("50% broke", where=where, details="line 1", remedy="Mend it.", kept="x.ipynb")
    console.error(error)
    assert err.getvalue() == (
        "::error file=project/a%3Ab.ipynb,line=42,endLine=42,title=a%3Ab.ipynb%2C cell 3::50%25 broke%0AMend it.\n"
        "  in a:b.ipynb, cell 3\n\n  | line 1\n\n"
        "  Kept: x.ipynb\n  More: https://example.org/docs/troubleshooting.md#failed-runs\n"
    )


def test_each_problem_of_a_configuration_is_an_annotation() -> None:
    console, _, err = make(ci=True, locate=lambda location: FileLines(location.file, location.line))
    file = "gpu-doc.yml"
    problems = [Problem(Location(file, 3, 5), "unknown key `runz`"), Problem(Location(file, 9, 1), "empty")]
    console.error(ConfigError(f"2 problems in {file}", where=Location(file), problems=problems, remedy="Correct it."))
    lines = err.getvalue().splitlines()
    assert lines[0].startswith("::error file=gpu-doc.yml,line=3,endLine=3,title=gpu-doc.yml%3A3::gpu-doc.yml:3:5: unkn")
    assert lines[1].startswith("::error file=gpu-doc.yml,line=9,")
    assert lines[2:4] == ["Error: 2 problems in gpu-doc.yml", "  Correct it."]


def test_what_github_does_not_show_is_counted() -> None:
    console, _, err = make(ci=True)
    for number in range(12):
        console.warn(f"careful {number}")
    console.error(RunError("broke"))
    console.finish()
    assert err.getvalue().count("::warning::careful") == 12
    assert err.getvalue().endswith("\nGitHub shows the first 10 of 12 warnings beside files; all are in this log.\n")


def test_a_message_fits_into_an_annotation() -> None:
    console, _, err = make(ci=True)
    console.error(RunError("x" * 10_000, where="y" * 10_000))
    assert len(err.getvalue().splitlines()[0]) < 4300


def test_an_error_stands_outside_of_groups() -> None:
    console, _, err = make(ci=True)
    with console.group("Plan"):
        console.note("inside")
        console.error(RunError("broke"))
        console.note("after")
    with console.group("Outer"), console.group("Inner"):
        console.note("deep")
    lines = [line for line in err.getvalue().splitlines() if "More" not in line]
    assert lines == [
        *("::group::Plan", "inside", "::endgroup::", "::error::broke", "after"),
        *("::group::Outer", "deep", "::endgroup::"),
    ]


def test_a_group_ends_with_what_it_holds() -> None:
    console, _, err = make(ci=True)

    def fail() -> None:
        with console.group("Plan"):
            console.note("inside")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert err.getvalue() == "::group::Plan\ninside\n::endgroup::\n"


def test_where_nothing_is_said_there_is_no_group() -> None:
    console, _, err = make(ci=True)
    with console.group("Plan"):
        pass
    console.fold("baseline: done", [])
    assert err.getvalue() == "baseline: done\n"


def test_a_run_that_ends_is_folded_with_its_cells() -> None:
    console, _, err = make(ci=True)
    with console.progress() as progress:
        progress.started("baseline", 2)
        progress.cell("baseline", 0, 2, "injected parameters")
        progress.cell("baseline", 1, 2, "load")
        progress.cell("baseline", 2, 2, "")
        progress.finished("baseline", 75.0, ok=True, more=lambda: ["printed last:", "  | loss " + "1" * 500])
    lines = err.getvalue().splitlines()
    assert lines[:2] == ["baseline: started, 2 cells", "::group::baseline: done after 1 min 15 s"]
    assert lines[2:5] == ["injected parameters  0.0 s", "cell 1/2 load        0.0 s", "cell 2/2             0.0 s"]
    assert lines[5] == "printed last:"
    assert len(lines[6]) == 300
    assert lines[7:] == ["::endgroup::"]


def test_a_terminal_that_a_runner_gives_is_a_log() -> None:
    console, _, err = make(interactive=True, colour=True, ci=True)
    with console.progress() as progress:
        progress.started("baseline", 0)
        time.sleep(0.3)
        progress.finished("baseline", 1.0, ok=True, more=list)
    assert err.getvalue() == "baseline: started\nbaseline: done after 1.0 s\n"


def test_of_many_cells_the_longest_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = iter(float(n * n) for n in range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(moment))
    going = module._Going(began=0, heard=0)
    for number in range(60):
        going.enter(number + 1, 60, "")
    lines = list(going.times(3600))
    assert lines[0].startswith("cell 11/60  ")
    assert len(lines) == module.MOST_CELLS + 1
    assert lines[-1] == "and 10 that took less"


def test_groups_of_runs_do_not_mix() -> None:
    console, _, err = make(ci=True)
    with console.progress() as progress:

        def run(name: str) -> None:
            for _ in range(30):
                progress.started(name, 0)
                progress.finished(name, 1.0, ok=True, more=lambda: [name] * 5)

        threads = [threading.Thread(target=run, args=[name]) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    groups = re.findall(r"::group::(.): done.*\n((?:.*\n)*?)::endgroup::", err.getvalue())
    assert len(groups) == 120
    assert all(lines == f"{name}\n" * 5 for name, lines in groups)


def test_a_secret_is_masked_whole_and_by_line() -> None:
    console, _, err = make(ci=True)
    console.mask("50%-secret")
    console.mask("-----BEGIN KEY-----\n{\nabcdefgh::ijkl\r\n")
    console.mask("")
    assert err.getvalue().splitlines() == [
        "::add-mask::50%25-secret",
        "::add-mask::-----BEGIN KEY-----%0A{%0Aabcdefgh::ijkl%0D%0A",
        "::add-mask::-----BEGIN KEY-----",
        "::add-mask::abcdefgh::ijkl",
    ]


def test_elsewhere_there_are_no_commands() -> None:
    console, out, err = make()
    console.mask("a secret value")
    console.annotate("error", "stale", where="docs/a.md")
    console.fold("title", ["line"])
    with console.group("Plan"):
        console.note("inside")
    console.finish()
    assert (out.getvalue(), err.getvalue()) == ("", "inside\n")


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
