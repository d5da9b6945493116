"""The action's inputs: as people write them, as the command line that they become, and as action.yml declares them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpu_doc.action import inputs, outputs
from gpu_doc.cli.arguments import parse
from gpu_doc.errors import UsageError
from gpu_doc.model.publishing import Published
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.refreshing import Outcome

TOP = Path(__file__).parents[2]
ACTIONS = {"run": TOP / "action.yml", "plan": TOP / "plan/action.yml"}
READ = {
    "run": {*inputs.RUN, "token", "working-directory"},
    "plan": {*inputs.PLAN, "token", "working-directory"},
}


def run(**given: str) -> Any:
    """What `gpu-doc run` is asked for with these inputs; `_` in a name stands for a dash."""
    return parse(inputs.run({f"INPUT_{name.upper()}": value for name, value in given.items()}))


def test_nothing_given_leaves_what_the_configuration_says() -> None:
    empty = {f"INPUT_{name.upper().replace('-', '_')}": "" for name in inputs.RUN}
    assert inputs.run(empty) == inputs.run({}) == ["run", "--publish=config"]
    assert inputs.plan(empty) == ["plan", "--publish=config"]


def test_every_input_becomes_its_option() -> None:
    given = run(
        config="a b.yml",
        reports="docs/a.md",
        publish="commit",
        executor="docker",
        image="pytorch:2",
        gpus="[0, 1]",
        pull="always",
        jobs="2",
        force="true",
        branch="docs/{base}",
        base="main",
        labels="one, two",
        state_dir="/srv/state",
        allow_forks="yes",
    )
    assert vars(given) == {
        "command": "run",
        "config": Path("a b.yml"),
        "reports": ["docs/a.md"],
        "publish": "commit",
        "executor": "docker",
        "image": "pytorch:2",
        "gpus": (0, 1),
        "pull": "always",
        "jobs": 2,
        "force": True,
        "branch": "docs/{base}",
        "base": "main",
        "labels": ("one", "two"),
        "state_dir": Path("/srv/state"),
        "allow_forks": True,
        "only_fresh": False,
    }


TRUE = ("true", "True", "TRUE", "yes", "on", "1", " true\n")
FALSE = ("false", "False", "no", "off", "0", "", "  \n")


@pytest.mark.parametrize("name", ["force", "only_fresh", "allow_forks"])
def test_what_people_write_for_true_and_false(name: str) -> None:
    assert [getattr(run(**{name: text}), name) for text in TRUE] == [True] * len(TRUE)
    assert [getattr(run(**{name: text}), name) for text in FALSE] == [False] * len(FALSE)


def test_what_is_forced_is_executed_so_it_goes_without_only_fresh() -> None:
    with pytest.raises(UsageError, match="force and only-fresh"):
        run(force="true", only_fresh="true")
    assert run(force="false", only_fresh="true", reports="--force\na.md").only_fresh is True


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("docs/a.md docs/b.md", ["docs/a.md", "docs/b.md"]),
        ("docs/a.md,docs/b.markdown", ["docs/a.md", "docs/b.markdown"]),
        ("docs/a.md\n\n  docs/my report.md\n", ["docs/a.md", "docs/my report.md"]),
        ("my report.md, docs/b.md", ["my report.md", "docs/b.md"]),
        ("-f.md\n--force", ["-f.md", "--force"]),
        ("v1.mdx.md", ["v1.mdx.md"]),
    ],
)
def test_reports_one_per_line_or_apart_by_blanks_and_commas(text: str, paths: list[str]) -> None:
    given = run(reports=text)
    assert given.reports == paths
    assert given.force is False


def test_labels_one_per_line_or_apart_by_commas() -> None:
    assert run(labels="good first issue\ndocs, gpu\n").labels == ("good first issue", "docs", "gpu")


@pytest.mark.parametrize(
    ("text", "gpus"),
    [("auto", "auto"), ("all", "all"), ("2", 2), ("[0]", (0,)), ("0,3", (0, 3)), ("GPU-8f2c-11", ("GPU-8f2c-11",))],
)
def test_gpus_as_in_the_configuration(text: str, gpus: object) -> None:
    assert run(gpus=text).gpus == gpus


@pytest.mark.parametrize("name", ["config", "branch", "base", "state_dir", "labels"])
def test_a_value_that_looks_like_an_option_is_none(name: str) -> None:
    given = run(**{name: "--force"})
    assert given.force is False
    assert "--force" in str(getattr(given, name))


def test_all_that_cannot_be_understood_is_told_at_once() -> None:
    wrong = {"force": "maybe", "allow_forks": "2", "publish": "push", "executor": "local docker", "pull": "often"}
    with pytest.raises(UsageError) as caught:
        run(**wrong, jobs="0", gpus="0", image="two words")
    assert caught.value.details.splitlines() == [
        "publish: `push` is not config, pull-request, commit, auto, check or none",
        "executor: `local docker` is not auto, local or docker",
        "image: `two words` is not the name of an image",
        "gpus: `0` is none of auto, none, all, a count from 1 on, and ids as in [0, 1]",
        "pull: `often` is not missing, always or never",
        "jobs: `0` is not a whole number from 1 on",
        "force: `maybe` is neither true nor false",
        "allow-forks: `2` is neither true nor false",
    ]


def test_the_token_is_in_no_command_line() -> None:
    environ = {"INPUT_TOKEN": "ghp_secret", "INPUT_BASE": "main"}
    assert "ghp_secret" not in " ".join([*inputs.run(environ), *inputs.plan(environ)])


# --- action.yml ------------------------------------------------------------------------------------------------------


def declared(word: str) -> dict[str, Any]:
    return dict(yaml.safe_load(ACTIONS[word].read_text("utf-8")))


@pytest.mark.parametrize("word", ACTIONS)
def test_action_and_program_know_the_same_inputs(word: str) -> None:
    whole = declared(word)
    assert {*whole["inputs"]} == READ[word]
    [step] = whole["runs"]["steps"]
    expected = {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in whole["inputs"]}
    expected["INPUT_TOKEN"] = "${{ inputs.token || github.token }}"
    assert step["env"] == expected
    assert "${{" not in step["run"]


@pytest.mark.parametrize("word", ACTIONS)
def test_every_input_is_empty_by_default_and_told_in_sentences(word: str) -> None:
    whole = declared(word)
    assert {entry["default"] for entry in whole["inputs"].values()} == {""}
    for entry in [*whole["inputs"].values(), *whole["outputs"].values(), whole]:
        assert re.fullmatch(r"[A-Z].*\.", entry["description"], re.DOTALL)


@pytest.mark.parametrize("word", ACTIONS)
def test_outputs_come_from_the_step(word: str) -> None:
    whole = declared(word)
    [step] = whole["runs"]["steps"]
    for name, entry in whole["outputs"].items():
        assert entry["value"] == f"${{{{ steps.{step['id']}.outputs.{name} }}}}"


def test_every_output_that_is_set_is_declared() -> None:
    planned = {*outputs.of_plan(Plan(reports=()))}
    assert planned <= {*declared("plan")["outputs"]}
    assert {*outputs.of_run(Outcome(), Published(mode="none"))} <= {*declared("run")["outputs"]}
