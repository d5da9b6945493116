"""Which run's image JupyterLab starts in, and as whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpu_doc.errors import UsageError
from gpu_doc.lab import choose, person
from gpu_doc.model.configuration import Config, Report, Run


def run(name: str, notebook: str | None, image: str | None) -> Run:
    command = None if notebook else ("python", "train.py")
    return Run(
        report="a.md", name=name, address=name, line=1, notebook=notebook, command=command, image=image, detach=True
    )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    runs = (
        run("local", "notebooks/a.ipynb", None),
        run("log", None, "image-of-log"),
        run("first", "notebooks/b.ipynb", None),
        run("second", "notebooks/b.ipynb", "image-of-second"),
        run("third", "notebooks/b.ipynb", "image-of-third"),
    )
    return Config(path=tmp_path / "gpu-doc.yml", root=tmp_path, reports=(Report(path="a.md", line=1, runs=runs),))


@pytest.mark.parametrize(
    ("notebook", "folder", "address"),
    [
        (None, "", "log"),
        ("notebooks/b.ipynb", "", "second"),
        ("notebooks/b.ipynb", "notebooks", "second"),
        ("b.ipynb", "notebooks", "second"),
        ("./b.ipynb", "notebooks", "second"),
        ("../notebooks/b.ipynb", "elsewhere", "second"),
    ],
)
def test_the_first_run_with_an_image(config: Config, notebook: str | None, folder: str, address: str) -> None:
    chosen = choose(config, notebook, here=config.root / folder)
    assert chosen.address == address
    assert chosen.command is None
    assert not chosen.detach


@pytest.mark.parametrize(
    ("notebook", "what", "remedy"),
    [
        ("notebooks/a.ipynb", "no run that uses notebooks/a.ipynb has an image", "python -m jupyterlab"),
        ("notebooks/c.ipynb", "no run uses the notebook `notebooks/c.ipynb`", "Did you mean `notebooks/b.ipynb`?"),
        ("qqq", "no run uses the notebook `qqq`", "Without a name"),
    ],
)
def test_why_none_is_meant(config: Config, notebook: str, what: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(config, notebook, here=config.root)
    assert caught.value.what == what
    assert remedy in caught.value.remedy


def test_without_any_image(config: Config) -> None:
    local = Config(path=config.path, root=config.root)
    with pytest.raises(UsageError, match="no run in the configuration has an image"):
        choose(local, None, here=config.root)


def test_it_runs_as_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    assert person(tmp_path) == (1234, os.getgid())
