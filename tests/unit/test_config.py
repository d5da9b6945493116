"""gpu-doc.yml read, merged and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpu_doc.config import above, find, load, unbound_limits
from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.model.configuration import Capture, Config, DataSource, GpuRequirement, Limits, Publish, Retries, Run
from gpu_doc.refresh.selection import with_executor

CONTRACT = Path(__file__).parent / "contract.gpu-doc.yml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("docs/a.md", "templates/a.md.j2", "notebooks/train.ipynb", "notebooks/prose.md", "scripts/train.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def read(root: Path, text: str, name: str = "gpu-doc.yml") -> Config:
    (root / name).write_text(text, encoding="utf-8")
    return load(root / name)


def one_report(runs: str, more: str = "") -> str:
    return f"{more}\nreports:\n  - path: docs/a.md\n    runs:\n      {runs}\n"


def runs(root: Path, text: str, more: str = "") -> tuple[Run, ...]:
    return read(root, one_report(text, more)).reports[0].runs


def problems(root: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(root, text)
    return caught.value.details.splitlines()


# --- what it says ----------------------------------------------------------------------------------------------------


def test_the_whole_schema_is_read(tmp_path: Path) -> None:
    for name in ("templates/finetune.md.j2", "notebooks/finetune.ipynb"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    config = read(tmp_path, CONTRACT.read_text(encoding="utf-8"))
    (report,) = config.reports
    assert (report.path, report.template) == ("docs/finetune.md", "templates/finetune.md.j2")
    (claim,) = report.claims
    assert (claim.address, claim.expected, str(claim.location)) == ("baseline/accuracy", ">= 0.92", "gpu-doc.yml:30")
    baseline, *sweep, log = report.runs
    assert baseline == Run(
        report="docs/finetune.md",
        name="baseline",
        address="baseline",
        line=27,
        notebook="notebooks/finetune.ipynb",
        parameters={"lr": 0.01, "epochs": 5},
        image="pytorch-cuda:v2.7",
        kernel="ir",
        limits=Limits(
            memory=8 << 30,
            cpus=4,
            time=6 * 3600,
            cell_time=2 * 3600,
            written=frozenset({"memory", "cpus", "shm", "processes", "time", "cell-time", "output"}),
        ),
        docker_host="ssh://gpu-box",
        env=("HF_HUB_OFFLINE",),
        secrets=("WANDB_API_KEY",),
        data=(DataSource(path="data/"), DataSource(path="/srv/imagenet", version="2012")),
        caches={"HF_HOME": "/srv/hf"},
        depends_on=("src/**/*.py",),
        requires=GpuRequirement(count=1, memory=16 << 30),
        retries=Retries(times=0, on=("network",)),
        setup="ImageNet subset, resized to 64 px",
    )
    assert [run.address for run in sweep] == [f"sweep[lr={lr},seed={s}]" for lr in ("0.1", "0.01") for s in (1, 2)]
    assert (log.command, log.notebook) == (("python", "train.py", "--epochs", "100"), None)
    assert log.produces == ("loss.png",)
    assert config.capture == Capture(width=880)
    assert config.publish == Publish(labels=("documentation",))


def test_matrix_values_keep_how_they_are_written(root: Path) -> None:
    made = runs(
        root, "sweep: {notebook: notebooks/train.ipynb, parameters: {epochs: 5}, matrix: {lr: [1e-4, '0.10', ~]}}"
    )
    assert [run.address for run in made] == ["sweep[lr=1e-4]", "sweep[lr=0.10]", "sweep[lr=~]"]
    assert [run.parameters for run in made] == [
        {"epochs": 5, "lr": 1e-4},
        {"epochs": 5, "lr": "0.10"},
        {"epochs": 5, "lr": None},
    ]
    assert made[0].point == {"lr": "1e-4"}


def test_parameters_may_be_nested_and_words_of_a_command_need_no_quotes(root: Path) -> None:
    (nested,) = runs(root, "a: {notebook: notebooks/train.ipynb, parameters: {model: {layers: [64, 1e-4], bias: on}}}")
    assert nested.parameters == {"model": {"layers": [64, 1e-4], "bias": "on"}}
    (command,) = runs(root, "a: {command: [python, train.py, --lr, 1e-4, 010, true]}")
    assert command.command == ("python", "train.py", "--lr", "1e-4", "010", "true")


def test_run_wins_over_report_and_report_over_defaults(root: Path) -> None:
    text = """
defaults: {kernel: a, setup: defaults, limits: {time: 1h, memory: 1g}, depends-on: [a.py], requires: {gpu: {count: 2}}}
reports:
  - path: docs/a.md
    kernel: b
    limits: {memory: 2g}
    requires: {gpu: {memory: 16g}}
    runs:
      one: {notebook: notebooks/train.ipynb}
      two: {notebook: notebooks/train.ipynb, kernel: c, limits: {time: none, cell-time: 5}, depends-on: [b.py]}
"""
    one, two = read(root, text).reports[0].runs
    assert (one.kernel, one.setup, one.depends_on) == ("b", "defaults", ("a.py",))
    assert one.limits == Limits(time=3600, memory=2 << 30, written=frozenset({"time", "memory"}))
    assert one.requires == two.requires == GpuRequirement(count=2, memory=16 << 30)
    assert (two.kernel, two.depends_on) == ("c", ("b.py",))
    assert two.limits == Limits(memory=2 << 30, cell_time=5, written=frozenset({"time", "memory", "cell-time"}))


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8g", 8 << 30),
        ("8G", 8 << 30),
        ("8GiB", 8 << 30),
        ("8GB", 8_000_000_000),
        ("1.5k", 1536),
        ("512", 512),
        ("7b", 7),
    ],
)
def test_sizes(root: Path, written: str, size: int) -> None:
    assert runs(root, f"a: {{command: [x], limits: {{memory: {written}}}}}")[0].limits.memory == size


@pytest.mark.parametrize(
    ("written", "seconds"), [("6h", 21600), ("1h30m", 5400), ("90", 90), ("0.5", 0.5), ("2d", 172_800), ("500ms", 0.5)]
)
def test_durations(root: Path, written: str, seconds: float) -> None:
    assert runs(root, f"a: {{command: [x], limits: {{time: {written}}}}}")[0].limits.time == seconds


@pytest.mark.parametrize("gpus", ["auto", "none", "all", 2, (0, "GPU-1a2b")])
def test_gpus(root: Path, gpus: Any) -> None:
    written = list(gpus) if isinstance(gpus, tuple) else gpus
    assert runs(root, f"a: {{command: [x], gpus: {written}}}")[0].gpus == gpus


def test_paths_are_tidied(root: Path) -> None:
    config = read(root, "reports: [{path: ./docs//a.md, runs: {a: {notebook: ./notebooks/train.ipynb}}}]")
    assert config.reports[0].path == "docs/a.md"
    assert config.reports[0].runs[0].notebook == "notebooks/train.ipynb"


def test_keys_with_everything_below_commented_out_count_as_empty(root: Path) -> None:
    text = one_report("a: {notebook: notebooks/train.ipynb, parameters: , limits: , data: }", "defaults:\n  # image: x")
    assert read(root, text).reports == read(root, one_report("a: {notebook: notebooks/train.ipynb}", "\n")).reports


def test_byte_order_mark_and_windows_line_endings(root: Path) -> None:
    text = one_report("a: {notebook: notebooks/train.ipynb}")
    (root / "gpu-doc.yml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load(root / "gpu-doc.yml").reports[0].runs[0].line == 5


def test_the_configuration_of_a_repository_may_lie_in_its_github_folder(root: Path) -> None:
    (root / ".github").mkdir()
    config = read(root, one_report("a: {command: [x]}"), ".github/gpu-doc.yml")
    assert config.root == root
    with pytest.raises(ConfigError) as caught:
        read(root, "{}", ".github/gpu-doc.yml")
    assert caught.value.details.startswith(".github/gpu-doc.yml:1:1: ")


# --- where it is -----------------------------------------------------------------------------------------------------


def test_it_is_looked_for_upwards_to_the_repositorys_root(tmp_path: Path) -> None:
    inner = tmp_path / "repository" / "docs" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "gpu-doc.yml").touch()
    (tmp_path / "repository" / ".git").mkdir()
    assert find(inner) is None
    hidden = tmp_path / "repository" / ".github" / "gpu-doc.yml"
    hidden.parent.mkdir()
    hidden.touch()
    assert find(inner) == hidden
    (tmp_path / "repository" / "gpu-doc.yml").touch()
    assert find(inner) == tmp_path / "repository" / "gpu-doc.yml"
    (inner / "gpu-doc.yml").touch()
    assert find(inner) == inner / "gpu-doc.yml"


def test_without_git_it_is_looked_for_here_only(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "gpu-doc.yml").touch()
    assert find(tmp_path / "inner") is None
    assert find(tmp_path) == tmp_path / "gpu-doc.yml"


def test_the_nearest_one_above_can_be_named_whether_or_not_it_serves(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "project" / "gpu-doc.yml").touch()
    (inner / "gpu-doc.yml").touch()
    assert above(inner) == tmp_path / "project" / "gpu-doc.yml"


# --- what is wrong ---------------------------------------------------------------------------------------------------


def test_all_problems_are_reported_at_once_in_order(root: Path) -> None:
    text = """
defaults:
  limits: {processes: two, tme: 3}
  notebook: x
reports:
  - path: docs/a.md
    runs:
      a: {notebook: notebooks/trian.ipynb, parametres: {lr: 3}}
      b: {}
      c: {notebook: notebooks/train.ipynb, command: [x]}
publish: {mode: on, draft: yes}
"""
    assert problems(root, text) == [
        "gpu-doc.yml:3:23: `processes`: expected a whole number of at least 1, found the text `two`",
        "gpu-doc.yml:3:28: unknown key `tme`; did you mean `time`?",
        "gpu-doc.yml:4:3: unknown key `notebook`; it belongs in a run",
        "gpu-doc.yml:8:21: there is no file `notebooks/trian.ipynb`; did you mean `notebooks/train.ipynb`?",
        "gpu-doc.yml:8:44: unknown key `parametres`; did you mean `parameters`?",
        "gpu-doc.yml:9:7: the run `b` needs `notebook` or `command`",
        "gpu-doc.yml:10:7: the run `c` has both `notebook` and `command`; give one of them",
        "gpu-doc.yml:11:17: `mode`: expected `pull-request`, `commit`, `auto`, `check` or `none`, found the text `on`",
        "gpu-doc.yml:11:28: `draft`: expected true or false, found the text `yes`",
    ]


WRONG = {
    "a: {command: [x], depends_on: [y]}": "unknown key `depends_on`; did you mean `depends-on`?",
    "a: {command: [x], time: 3}": "unknown key `time`; it belongs in `limits`",
    "a: {command: [x], mode: none}": "unknown key `mode`; it belongs in `publish`",
    "a: {command: [x], brnch: y}": "unknown key `brnch`; did you mean `branch`, which belongs in `publish`?",
    "a: {command: [x], qqqqq: y}": "unknown key `qqqqq`; a run may have `notebook`, `command`",
    "a: {command: python train.py}": "expected a list of words such as `[python, train.py]`, found the text",
    "a: {command: []}": "found an empty list",
    "a: {command: [x], parameters: {lr: 1}}": "`parameters` is for notebooks",
    "a: {command: [x], matrix: {lr: [1]}}": "`matrix` is for notebooks",
    "a: x.ipynb": "`a`: expected a run, which is a mapping",
    "a/b: {command: [x]}": "`a/b` in `runs`: expected a run's name without",
    "'#a': {command: [x]}": "without a leading #",
    "'a b': {command: [x]}": "`a b` in `runs`",
    "a[1]: {command: [x]}": "`a[1]` in `runs`",
    "a: {notebook: notebooks/train.R}": "ending in .ipynb, .py or .md, found the text `notebooks/train.R`",
    "a: {notebook: /etc/x.py}": "expected a relative path inside the root folder",
    "a: {notebook: ../x.py}": "expected a relative path inside the root folder",
    "a: {notebook: notebooks/../../x.py}": "expected a relative path inside the root folder",
    "a: {notebook: 'notebooks\\train.ipynb'}": "with forward slashes",
    "a: {notebook: train.ipynb}": "there is no file `train.ipynb`; did you mean `notebooks/train.ipynb`?",
    "a: {notebook: notebooks}": "expected a relative path",
    "a: {command: [x], produces: [/tmp/x]}": "expected a relative path inside the root folder",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: 1}}": "`lr`: expected a list with at least one value",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: []}}": "`lr`: expected a list with at least one value",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: [[1]]}}": "`lr`: expected a single value, found a list",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: [1, '1']}}": "`1` stands twice",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: ['a]']}}": "`a]` cannot be part of an address",
    "a: {notebook: notebooks/train.ipynb, matrix: {lr: [1]}, parameters: {lr: 2}}": "`lr` stands in `parameters` too",
    "a: {notebook: notebooks/train.ipynb, parameters: {l-r: 2}}": "`l-r` in `parameters`: expected a parameter's name",
    "a: {command: [x], image: 3}": "found the number `3`; quotes make it a text",
    "a: {command: [x], gpus: 0}": "a count of at least 1, or a list of ids, found the number `0`",
    "a: {command: [x], gpus: [[]]}": "expected the id of a GPU, found an empty list",
    "a: {command: [x], limits: {memory: 8x}}": "expected a size such as `8g` or `10MB`, or `none`, found the text `8x`",
    "a: {command: [x], limits: {memory: 0}}": "expected a size",
    "a: {command: [x], limits: {output: none}}": "expected a size such as `8g` or `10MB`, found the text `none`",
    "a: {command: [x], limits: {cpus: .inf}}": "expected a number above 0, found the number `.inf`",
    "a: {command: [x], env: [A=b]}": "expected the name of an environment variable, found the text `A=b`",
    "a: {command: [x], data: [{version: 3}]}": "an item of `data` needs `path`",
    "a: {command: [x], caches: {HF_HOME: hf}}": "expected the absolute path of a folder",
    "a: {command: [x], pull: }": "expected `missing`, `always` or `never`, found nothing",
    "a: {command: [x], a: 1, a: 2}": "the key `a` is written twice",
}


@pytest.mark.parametrize(("run", "words"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_with_a_run_is_said_with_its_line(root: Path, run: str, words: str) -> None:
    found = problems(root, one_report(run))
    assert all(line.startswith("gpu-doc.yml:5:") for line in found)
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "": "gpu-doc.yml:1:1: the file is empty",
        "# only this": "the file is empty",
        "- a": "expected the configuration, which is a mapping",
        "reprots: []": "unknown key `reprots`; did you mean `reports`?",
        "defaults: {}": "the configuration needs `reports`",
        "reports: [{}]": "a report needs `path`",
        "reports: [{path: docs/a.txt}]": "ending in .md or .markdown",
        "reports: [{path: docs/b.md}]": "there is no file `docs/b.md` (it has no `template`",
        "reports: [{path: docs/b.md, template: templates/b.md.j2}]": "; did you mean `templates/a.md.j2`?",
        "reports: [{path: docs/a.md}, {path: docs/a.md}]": ":1:37: `docs/a.md` is written by two reports",
        "reports: [&a {path: a.md, template: templates/a.md.j2}, *a]": "`a.md` is written by two reports",
        "reports: [{path: docs/a.md}, {path: docs/a.markdown}]": "shares its pictures' folder with `docs/a.md`",
        "reports: [{path: notebooks/prose.md, runs: {a: {notebook: notebooks/prose.md}}}]": "would be overwritten",
        "reports: [{path: docs/a.md, template: docs/a.md}]": "is a template or notebook too",
        "reports: [{path: docs/a.md, expect: {a/x: '> 1'}}]": "`a/x`: this report has no run `a`",
        "reports: [{path: docs/a.md, runs: {ab: {command: [x]}}, expect: {abb/x: '> 1'}}]": "did you mean `ab`?",
        "reports: [{path: docs/a.md, runs: {a: {command: [x]}}, expect: {a/x: 3}}]": "`3` is no claim; write `== 3`",
        "reports: [{path: docs/a.md, runs: {a: {command: [x]}}, expect: {a: '> 3'}}]": "expected an address",
        "reports: []\ncapture: {width: wide}": "gpu-doc.yml:2:18: `width`: expected a whole number from 100 to 4000",
        "reports: [": "gpu-doc.yml:1:11: not valid YAML",
    }.items(),
)
def test_what_is_wrong_elsewhere(root: Path, text: str, words: str) -> None:
    assert any(words in line for line in problems(root, text)), problems(root, text)


def test_a_matrix_may_not_be_too_large(root: Path) -> None:
    axis = list(range(32))
    text = one_report(f"a: {{notebook: notebooks/train.ipynb, matrix: {{x: {axis}, y: {axis}}}}}")
    assert problems(root, text) == ["gpu-doc.yml:5:44: a matrix of 1,024 runs is too large; 1,000 is the most"]


def test_claims_about_points_of_a_matrix(root: Path) -> None:
    text = one_report("s: {notebook: notebooks/train.ipynb, matrix: {p: [a/b, c]}}") + "    expect: {%s}"
    claims = read(root, text % "'s[p=a/b]/x': '> 1', 's[*]/x': '> 2'").reports[0].claims
    assert [(claim.address, claim.expected) for claim in claims] == [
        ("s[p=a/b]/x", "> 1"),
        ("s[p=a/b]/x", "> 2"),
        ("s[p=c]/x", "> 2"),
    ]
    assert "no run `s[p=a/d]`; did you mean `s[p=a/b]`?" in problems(root, text % "'s[p=a/d]/x': '> 1'")[0]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"a: \xe9", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_a_file_that_is_no_text(root: Path, content: bytes) -> None:
    (root / "gpu-doc.yml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(root / "gpu-doc.yml")
    assert caught.value.details.endswith("not text in UTF-8")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read gpu-doc\.yml: no such file"):
        load(tmp_path / "gpu-doc.yml")
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path)


# --- what is told ----------------------------------------------------------------------------------------------------


def test_limits_that_do_not_bind_local_runs_are_named_once(root: Path) -> None:
    assert unbound_limits(read(root, one_report("a: {command: [x], limits: {time: 1h, output: 1MB}}"))) is None
    sentence = unbound_limits(read(root, one_report("a: {command: [x], limits: {time: 1h, memory: 1g, cpus: 2}}")))
    assert sentence == "limits: `cpus`, `memory` bind containers only, not these local runs"


def test_problems_stand_above_what_to_do_and_none_of_several_is_singled_out(root: Path) -> None:
    with pytest.raises(ConfigError) as one:
        read(root, "reports: 1\n")
    assert one.value.where == "gpu-doc.yml:1"
    with pytest.raises(ConfigError) as two:
        read(root, "reports: 1\nno-such-key: 2\n")
    assert (two.value.what, two.value.where) == ("2 problems in gpu-doc.yml", "gpu-doc.yml")
    assert two.value.remedy.startswith("Correct what is listed above")


def test_the_command_line_decides_where_runs_happen(root: Path) -> None:
    config = read(root, one_report("a: {command: [x], image: i}\n      b: {command: [x]}"))
    local = with_executor(config, "local", pull="always")
    assert [(run.image, run.pull) for run in local.reports[0].runs] == [(None, "always")] * 2
    assert with_executor(config, "auto") == config
    with pytest.raises(UsageError, match="the run b has no image to run in"):
        with_executor(config, "docker")
    placed = with_executor(config, "docker", image="j", gpus=(0, "GPU-1"))
    assert [(run.image, run.gpus) for run in placed.reports[0].runs] == [("j", (0, "GPU-1"))] * 2
    local = with_executor(config, "local", image="j")
    assert [(run.image, run.configured_image) for run in local.reports[0].runs] == [(None, "j")] * 2
