"""The command line: its help, what it says about mistyped words, and where it looks for a project."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from gpu_doc import functions
from gpu_doc.cli import arguments, commands
from gpu_doc.cli.arguments import parse
from gpu_doc.cli.call import Call
from gpu_doc.console.console import Console
from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.functions.shared.options import LATER
from gpu_doc.model.configuration import Config, Report
from gpu_doc.refresh import selection
from gpu_doc.report import template

COMMANDS = ("init", "plan", "run", "check", "verify", "why", "preview", "lab", "doctor", "clean")


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(argv)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_without_a_word_it_prints_all_of_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = arguments.parsers()
    assert refused(capsys) == whole.format_help()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_shows_examples(command: str) -> None:
    _, commands = arguments.parsers()
    assert tuple(commands) == COMMANDS
    assert commands[command].description
    assert f"examples:\n  gpu-doc {command}" in commands[command].format_help()


@pytest.mark.parametrize(
    ("argv", "usage", "words"),
    [
        (["rnu"], "gpu-doc [-h]", "did you mean `run`?"),
        (["run", "--forse"], "gpu-doc run [-h]", "unrecognized arguments: --forse; did you mean `--force`?"),
        (["check", "--confg=x"], "gpu-doc check [-h]", "did you mean `--config`?"),
        (["run", "--executor", "lokal"], "gpu-doc run [-h]", "did you mean `local`?"),
        (["--force", "run"], "gpu-doc run [-h]", "write it after `run`"),
        (["doctor", "--qqq"], "gpu-doc doctor [-h]", "unrecognized arguments: --qqq\n"),
        (["--qqq"], "gpu-doc [-h]", "unrecognized arguments: --qqq\n"),
    ],
)
def test_mistyped_words(capsys: pytest.CaptureFixture[str], argv: list[str], usage: str, words: str) -> None:
    said = refused(capsys, *argv)
    assert said.startswith(f"usage: {usage}")
    assert words in said


def test_a_mistyped_report(tmp_path: Path) -> None:
    config = Config(path=tmp_path / "gpu-doc.yml", root=tmp_path, reports=(Report(path="docs/finetune.md", line=1),))
    with pytest.raises(UsageError) as caught:
        selection.select(config, ["docs/fintune.md"], here=tmp_path)
    assert caught.value.remedy == "Did you mean `docs/finetune.md`?"


def test_every_command_is_one() -> None:
    assert tuple(commands.ALL) == COMMANDS


def test_what_comes_later_is_offered_nowhere() -> None:
    assert all(LATER.isdisjoint({function.name, *function.options}) for function in functions.in_order())
    assert "delta" not in template.FILTERS


# --- where it looks --------------------------------------------------------------------------------------------------


@pytest.fixture
def inner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in a folder of its own."""
    folder = tmp_path / "project" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def call(*words: str) -> tuple[Call, io.StringIO]:
    """A call of the command line here; and what it says on standard error."""
    err = io.StringIO()
    console = Console(io.StringIO(), err, interactive=False, colour=False, ci=False)
    return Call(parse(words), console, {}, Path.cwd()), err


def init() -> str:
    """Call `gpu-doc init`; give what it notes."""
    called, err = call("init")
    commands.ALL["init"](called)
    return err.getvalue()


def missing() -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        call("plan")[0].config()
    return caught.value


def test_without_git_a_configuration_above_is_named(inner: Path) -> None:
    assert missing().what == "no gpu-doc.yml here"
    (inner.parent / "gpu-doc.yml").touch()
    assert missing().what == (
        "no gpu-doc.yml here; without a git repository only this folder is looked in; ../gpu-doc.yml exists"
    )
    assert missing().remedy == "Add `--config ../gpu-doc.yml`."


def test_above_is_only_said_where_it_was_looked(inner: Path) -> None:
    (inner.parent / ".git").mkdir()
    assert missing().what == "no gpu-doc.yml here or above"
    (inner / ".git").mkdir()
    assert missing().what == "no gpu-doc.yml here"


def test_init_makes_no_project_within_another(inner: Path) -> None:
    (inner.parent / ".git").mkdir()
    (inner.parent / "gpu-doc.yml").touch()
    with pytest.raises(UsageError, match=r"there is a project above: \.\./gpu-doc\.yml"):
        init()
    assert not list(inner.iterdir())


def test_init_notes_a_project_above_that_does_not_serve_here(inner: Path) -> None:
    (inner.parent / "gpu-doc.yml").touch()
    assert "there is a project above: ../gpu-doc.yml" in init()
    assert (inner / "gpu-doc.yml").exists()
    assert init() == ""
