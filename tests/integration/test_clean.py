"""`gpu-doc clean`: takes what a killed gpu-doc left, and nothing else."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from tests.components import require
from tests.integration.engines import Engine, image
from tests.integration.users import PlainUser, alone
from tests.waiting import PATIENCE

from gpu_doc.execution.containers.sweep import PREFIX

pytestmark = pytest.mark.needs("docker")

CONFIG = """\
defaults: {{image: "{image}"{more}}}
reports:
  - path: docs/report.md
    runs:
      train: {{command: [sleep, "600"]}}
"""
REPORT = '<!-- gpu-doc: text("train") -->\n<!-- gpu-doc: end -->\n'
HERE = "unix:///var/run/docker.sock"


@dataclass
class Machine:
    """A project on a machine with a name of its own: what is swept there is this test's only."""

    user: PlainUser
    client: Callable[[], Any] = docker.from_env
    environment: dict[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"test-{secrets.token_hex(8)}")

    def __post_init__(self) -> None:
        self.temporary = self.user.folder / "tmp"
        self.temporary.mkdir()
        self.root.mkdir()
        self.user.give(self.user.folder)
        self.environment = self.user.environment(TMPDIR=str(self.temporary), **self.environment)
        self.user = alone(self.user, self.name)

    @property
    def root(self) -> Path:
        return self.user.folder / "project"

    def configure(self, more: str = "") -> None:
        (self.root / "docs").mkdir()
        (self.root / "docs/report.md").write_text(REPORT)
        (self.root / "gpu-doc.yml").write_text(CONFIG.format(image=image("bare"), more=more))
        self.user.give(self.root)

    def start(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "gpu_doc", *words]
        return self.user.start(*argv, cwd=self.root, environment=self.environment)

    def clean(self, *words: str) -> list[str]:
        with self.start("clean", *words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        return [str(line) for line in out.splitlines()]

    def leave(self, *, owner: str = "", until: str = "") -> str:
        """Leave a container that has ended, as a gpu-doc before the last start of the machine did; gives its id."""
        labels = {"owner": owner or f"{self.name}:{self.user.uid}", "boot": "an earlier one", "run": "log"}
        labels |= {"detached": until} if until else {}
        with closing(self.client()) as client:
            made = client.containers.run(
                image("nopython"),
                ["/bin/sh", "-c", "true"],
                detach=True,
                network_mode="none",
                labels={f"{PREFIX}{name}": value for name, value in labels.items()},
            )
            made.wait()
            return str(made.id)

    def left(self) -> set[str]:
        """Containers and volumes of this test's machine, by id."""
        with closing(self.client()) as client:
            found = [(each.id, each.labels) for each in client.containers.list(all=True, ignore_removed=True)]
            found += [(each.id, each.attrs["Labels"] or {}) for each in client.volumes.list()]
        return {str(each) for each, labels in found if self.name in labels.get(f"{PREFIX}owner", "")}


@contextmanager
def cleared(machine: Machine) -> Iterator[Machine]:
    try:
        yield machine
    finally:
        with closing(machine.client()) as client:
            for each in client.containers.list(all=True, ignore_removed=True):
                if machine.name in each.labels.get(f"{PREFIX}owner", ""):
                    each.remove(v=True, force=True)


@pytest.fixture
def machine(plain_user: PlainUser) -> Iterator[Machine]:
    with cleared(Machine(plain_user)) as made:
        yield made


def test_a_killed_refresh(machine: Machine) -> None:
    machine.configure()
    before = {path: path.read_bytes() for path in machine.root.rglob("*") if path.is_file()}
    scratch = machine.root / ".gpu-doc/scratch"
    with machine.start("run") as process:
        while not running(machine):
            assert process.poll() is None
            time.sleep(0.05)
        alive = machine.left()
        assert machine.clean() == [f"left {scratch}, which a refresh uses"]
        assert machine.left() == alive
        process.kill()
    while running(machine):
        time.sleep(0.05)
    assert list(machine.temporary.iterdir())
    assert list(scratch.iterdir())
    said = machine.clean()
    assert said[0] == f"removed 1 container and 2 volumes ({HERE})"
    assert any(line.startswith(f"removed the temporary folder {machine.temporary}/gpu-doc-") for line in said)
    assert any(line.startswith(f"removed {scratch}/") for line in said)
    assert machine.left() == set()
    assert list(machine.temporary.iterdir()) == []
    assert list(scratch.iterdir()) == []
    assert machine.clean() == ["nothing to remove"]
    after = {path: path.read_bytes() for path in machine.root.rglob("*") if path.is_file()}
    assert {path: text for path, text in after.items() if ".gpu-doc" not in path.parts} == before


def running(machine: Machine) -> list[Any]:
    with closing(machine.client()) as client:
        return [
            each
            for each in client.containers.list(ignore_removed=True)
            if machine.name in each.labels.get(f"{PREFIX}owner", "")
        ]


def test_what_is_not_ours_or_may_go_on_is_spared(machine: Machine) -> None:
    in_an_hour = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(timespec="seconds")
    others = {machine.leave(owner=f"{machine.name}:1"), machine.leave(owner=f"another-{machine.name}:54321")}
    waiting = machine.leave(until=in_an_hour)
    machine.leave(until="2026-01-01T00:00:00+00:00")
    machine.leave()
    takes_it = f"`gpu-doc clean --all` takes it ({HERE})"
    spared = f"left the detached command log, which may go on until {in_an_hour}; {takes_it}"
    assert machine.clean() == [f"removed 2 containers ({HERE})", spared]
    assert machine.left() == {*others, waiting}
    assert machine.clean() == [spared]
    assert machine.clean("--all") == [f"removed 1 container ({HERE})"]
    assert machine.left() == others


def test_every_engine_of_the_configuration(plain_user: PlainUser, far_engine: Engine) -> None:
    require("root")
    far_engine.load("nopython")
    with cleared(Machine(replace(plain_user, prefix=()), far_engine.client)) as machine:
        machine.user = replace(machine.user, uid=0)
        left = machine.leave()
        # Other tests leave things on this machine's engine meanwhile: what is said of those is none of this test's.
        assert not any(far_engine.host in line for line in machine.clean())
        assert machine.left() == {left}
        machine.configure(f", docker-host: {far_engine.host}")
        assert f"removed 1 container ({far_engine.host})" in machine.clean()
        assert machine.left() == set()


def test_without_an_engine(plain_user: PlainUser) -> None:
    machine = Machine(plain_user, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    told = "no containers were looked for: no container engine is here: unix:///nowhere/docker.sock (from DOCKER_HOST)"
    assert machine.clean() == [told]


def test_a_configuration_that_cannot_be_read(machine: Machine) -> None:
    machine.leave()
    (machine.root / "gpu-doc.yml").write_text("reprots: []\n")
    with machine.start("clean") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "did you mean `reports`?" in err
    assert out == f"removed 1 container ({HERE})\n"
