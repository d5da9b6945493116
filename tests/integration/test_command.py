"""Commands in a real pseudo-terminal."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.running import Runner

from gpu_doc.errors import RunError
from gpu_doc.execution.runs.job import Finished
from gpu_doc.model.configuration import Limits
from gpu_doc.text.terminal import plain_text, read_screen


def screen(finished: Finished) -> list[str]:
    return plain_text(read_screen((finished.job.folder / "terminal.log").read_bytes()))


def test_a_command_has_a_terminal_of_100_columns_in_the_root(runner: Runner) -> None:
    script = """
import json, os, sys
print(json.dumps([os.get_terminal_size().columns, sys.stdout.isatty(), sys.stderr.isatty(), os.getcwd(),
                  os.environ["TERM"], os.environ["COLUMNS"], sys.stdin.read()]), end="")
"""
    finished = runner.one("size", command=(runner.python, "-c", script))
    assert finished.error is None
    shown = json.loads("".join(screen(finished)))
    assert shown == [100, True, True, runner.inside(runner.root), "xterm-256color", "100", ""]


WAITS_FOR_A_KEY = """
import os, tty
terminal = os.open(os.ttyname(1), os.O_RDWR)
tty.setraw(terminal)
print("press a key")
os.read(terminal, 1)
"""
ASKS = {
    "input": "input('name: ')",
    "getpass": "import getpass; getpass.getpass()",
    "terminal": "open('/dev/tty')",
    "key": WAITS_FOR_A_KEY,
}

SAYS_HOW = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_DFL, flush=True)"


def test_a_question_meets_the_end_of_input_and_is_told(runner: Runner) -> None:
    jobs = [runner.job(name, command=(runner.python, "-c", script)) for name, script in ASKS.items()]
    script = (
        'read -p \'really? \' x; read y </dev/tty; read z <"$(readlink /proc/$$/fd/1)"; read w <&2; echo "<$x$y$z$w>"'
    )
    jobs.append(runner.job("reads", command=("bash", "-c", script)))
    ended = runner.run(jobs)
    assert screen(ended["reads"])[-1] == "<>"
    for name in ASKS:
        error = ended[name].error
        assert error, name
        assert "a run has nobody to ask" in error.remedy, name
    assert screen(ended["input"])[0].startswith("name: Traceback")
    assert runner.left() == []


def test_a_key_is_not_waited_for_under_nohup(local: Runner) -> None:
    """It starts programs with the signal ignored by which a terminal tells that nobody is there any more."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ended = local.one("key", command=(local.python, "-c", f"{SAYS_HOW}\n{WAITS_FOR_A_KEY}"))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert screen(ended)[0] == "True"
    assert ended.error
    assert "a run has nobody to ask" in ended.error.remedy


@pytest.fixture
def history(local: Runner) -> Runner:
    """A runner in a repository with more commits than a screen has lines."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    local.root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=local.root, check=True)
    for number in range(70):
        commit = ["git", *who, "commit", "-q", "--allow-empty", "-m", f"commit {number}"]
        subprocess.run(commit, cwd=local.root, check=True)
    return local


PAGER = "sh -c 'cat >/dev/null; echo paged; exec read-a-key'"


def test_a_pager_never_waits_and_colours_stay(history: Runner) -> None:
    history.environment = {**history.environment, "PAGER": PAGER, "GIT_PAGER": PAGER}
    command = ("git", "log", "--oneline")
    finished = history.one("log", command=command)
    assert finished.error is None
    assert len(screen(finished)) == 70
    assert b"\x1b[33m" in (finished.job.folder / "terminal.log").read_bytes()
    assert screen(history.one("own", command=command, env=("GIT_PAGER",)))[0] == "paged"


@pytest.mark.full
@pytest.mark.parametrize("pager", ["less", "more"])
def test_a_pager_started_by_name_is_ended(history: Runner, pager: str) -> None:
    if not shutil.which(pager):
        pytest.skip(f"{pager} is not installed")
    finished = history.one("pages", command=("sh", "-c", f"git log | {pager}"))
    assert finished.error
    assert "a run has nobody to ask" in finished.error.remedy
    assert history.left() == []


def test_a_progress_bar_is_one_line(local: Runner) -> None:
    script = "from tqdm import tqdm\nfor _ in tqdm(range(50), desc='training', mininterval=0): pass"
    finished = local.one("bar", command=(sys.executable, "-c", script))
    (line,) = screen(finished)
    assert line.startswith("training: 100%|██████████")
    assert len(line) <= 100


def test_a_failing_command_is_told_with_its_last_lines(runner: Runner) -> None:
    finished = runner.one("fails", command=("sh", "-c", "printf '\\033[31mno data\\033[0m\\n'; exit 3"))
    assert isinstance(finished.error, RunError)
    assert finished.error.what == "the command ended with status 3"
    assert finished.error.details == "no data"
    assert finished.error.kept == str(finished.job.folder / "terminal.log")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0, "was not found"),
        ("#!/bin/sh\n", 0o644, "is not executable"),
        ("#!/no/such/shell\n", 0o755, "was not found"),
        ("echo\n", 0o755, "is no program"),
    ],
)
def test_a_command_that_cannot_start_is_told_with_a_remedy(
    runner: Runner, content: str | None, mode: int, said: str
) -> None:
    job = runner.job("cannot", command=("./tool.sh",))
    if content is not None:
        (runner.root / "tool.sh").write_text(content)
        (runner.root / "tool.sh").chmod(mode)
    error = runner.run([job])["cannot"].error
    assert isinstance(error, RunError)
    assert said in error.what
    assert error.remedy


def test_a_signal_is_named(runner: Runner) -> None:
    error = runner.one("killed", command=("sh", "-c", "kill -SEGV $$")).error
    assert isinstance(error, RunError)
    assert "SIGSEGV" in error.what


@pytest.mark.parametrize("printed", [90_000, 3_000_000])
def test_a_log_is_cut_at_its_limit_and_keeps_beginning_and_end(runner: Runner, printed: int) -> None:
    script = f"echo begin; yes 123456789 | head -c {printed}; echo end"
    finished = runner.one("prints", command=("sh", "-c", script), limits=Limits(output=100_000))
    assert finished.error is None
    log = (finished.job.folder / "terminal.log").read_bytes()
    assert log.startswith(b"begin\r\n123456789\r\n")
    assert log.endswith(b"\r\n123456789\r\nend\r\n")
    told = [event[1] for event in runner.heard.events if event[0] == "message"]
    if printed < 100_000:
        assert (len(log), told) == (printed + printed // 10 + len("begin\r\nend\r\n"), [])
        return
    assert len(log) < 100_500
    marks = [line for line in screen(finished) if not line.startswith(("1", "begin", "end"))]
    assert marks[-2:] == ["… output cut at 0.1 MB (limits.output)", "… 3.2 MB left out"]
    assert told == ["prints: 3.2 MB of what it printed are left out of its log (limits.output)"]


def test_a_log_is_cut_where_its_command_is_killed_too(runner: Runner) -> None:
    script = "echo begin; yes 123456789 | head -c 3000000; kill -9 $$"
    finished = runner.one("prints", command=("sh", "-c", script), limits=Limits(output=100_000))
    assert isinstance(finished.error, RunError)
    assert "SIGKILL" in finished.error.what
    assert sum(path.stat().st_size for path in finished.job.folder.iterdir()) < 200_000
    assert "… output cut at 0.1 MB (limits.output)" in screen(finished)


def test_the_limit_ends_a_command_and_what_it_started(runner: Runner) -> None:
    script = "trap '' TERM HUP INT; echo working; setsid sleep 600 & sleep 600; sleep 600"
    finished = runner.one("slow", command=("sh", "-c", script), limits=Limits(time=6 if runner.docker else 4))
    assert isinstance(finished.error, RunError)
    assert "limits.time" in finished.error.what
    assert screen(finished) == ["working"]
    assert runner.left() == []


def test_children_in_the_background_end_with_the_command(runner: Runner) -> None:
    finished = runner.one("background", command=("sh", "-c", "setsid nohup sleep 600 & echo $!"))
    assert finished.error is None
    assert runner.left() == []


def test_a_command_may_close_its_terminal_and_go_on(runner: Runner) -> None:
    finished = runner.one("closes", command=("sh", "-c", "exec >/dev/null 2>&1 </dev/null; sleep 0.3; exit 4"))
    assert finished.error
    assert finished.error.what == "the command ended with status 4"


def test_files_of_a_command_are_kept_by_their_path(runner: Runner) -> None:
    script = "mkdir -p out/deep; echo 1 > out/a.txt; echo 2 > out/deep/b.txt; echo 3 > loss.csv"
    finished = runner.one("files", command=("sh", "-c", script), produces=("loss.csv", "out/**/*.txt"))
    assert finished.error is None
    produced = finished.job.folder / "produced"
    found = sorted(str(path.relative_to(produced)) for path in produced.rglob("*") if path.is_file())
    assert found == ["loss.csv", "out/a.txt", "out/deep/b.txt"]


def test_a_file_that_was_there_before_is_never_taken_for_a_result(runner: Runner) -> None:
    job = runner.job("old", command=("true",), produces=("loss.csv",))
    (runner.root / "loss.csv").write_text("old")
    error = runner.run([job])["old"].error
    assert isinstance(error, RunError)
    assert error.what == "`loss.csv` was there before the run, which did not write it"
    assert error.remedy
    assert not (job.folder / "produced").exists()


def test_a_folder_that_a_run_produces_is_all_below_it_that_the_run_wrote(runner: Runner) -> None:
    script = "mkdir -p out/deep && echo 1 > out/a.csv && echo 2 > out/deep/b.csv && ln -s /etc out/etc"
    job = runner.job("folder", command=("sh", "-c", script), produces=("out",))
    (runner.root / "out").mkdir()
    (runner.root / "out" / "old.csv").write_text("old")
    finished = runner.run([job])["folder"]
    assert finished.error is None
    produced = job.folder / "produced"
    assert sorted(str(p.relative_to(produced)) for p in produced.rglob("*.csv")) == ["out/a.csv", "out/deep/b.csv"]
    assert ("message", "folder: `out/etc` is a link to /etc: passed over") in runner.heard.events


def test_a_link_that_a_run_leaves_is_refused(runner: Runner) -> None:
    command = ("ln", "-s", "/proc/self/environ", "o.csv")
    error = runner.one("link", command=command, produces=("o.csv",)).error
    assert isinstance(error, RunError)
    assert "`o.csv` is a link to /proc/self/environ" in error.what


INTERFERES = """
import os, stat, time
worker = f"/proc/{os.getppid()}/fd"
for each in os.listdir(worker):
    if stat.S_ISFIFO(os.stat(f"{worker}/{each}").st_mode):
        with open(f"{worker}/{each}", "wb", buffering=0) as line:
            line.write(SAYS)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "says",
    [
        b"nonsense\n",
        b'["CommandEnded", {"status": "0"}]\n',
        b'["Started", {"pid": -1}]\n',
        b"[" * 50_000 + b"\n",
    ],
    ids=["no JSON", "a wrong type", "a wrong value", "deep"],
)
def test_what_a_run_writes_to_its_workers_line_ends_it_in_words(tmp_path: Path, says: bytes) -> None:
    runner = Runner(tmp_path)
    script = INTERFERES.replace("SAYS", repr(says) if len(says) < 100 else "b'[' * 50_000 + b'\\n'")
    error = runner.one("meddler", command=(runner.python, "-c", script)).error
    assert error
    assert error.what.startswith("the process that ran ")
    assert "it sent something that is not a message" in error.details
