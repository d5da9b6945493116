"""What dead owners left goes, and nothing else does."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engines import image

from gpu_doc.execution.containers import sweep as sweeping
from gpu_doc.execution.containers.engine import Engine, connect
from gpu_doc.execution.containers.sweep import PREFIX, Owner, Swept, labels, owner, sweep

pytestmark = pytest.mark.needs("docker")

DEADLINES = {"in an hour": timedelta(hours=1), "a second ago": timedelta(seconds=-1)}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with connect(None, os.environ, Path()) as here:
        yield here


class Scene:
    """Containers of owners that exist in this test only."""

    def __init__(self, engine: Engine, folder: Path, stack: ExitStack) -> None:
        self.engine = engine
        self.api = engine.client.api
        self.folder = folder
        self.stack = stack
        self.who = replace(owner(), name=f"test-{secrets.token_hex(8)}:0")

    def lock(self, *, held: bool) -> Path:
        path = self.folder / secrets.token_hex(8)
        file = self.stack.enter_context(path.open("w"))
        if held:
            fcntl.flock(file, fcntl.LOCK_EX)
        return path

    def container(self, marks: dict[str, str], command: str = "") -> str:
        """One that has a volume; it is started where it has a command."""
        configuration = {
            "Image": image("nopython"),
            "Cmd": ["/bin/sh", "-c", command or "true"],
            "Labels": marks,
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [{"Type": "volume", "Target": "/gpu-doc", "VolumeOptions": {"Labels": marks}}],
            },
        }
        made: str = self.api.create_container_from_config(configuration)["Id"]
        if command:
            self.api.start(made)
            if command == "true":
                self.api.wait(made)
        return made

    def sweep(self, *, everything: bool = False) -> Swept:
        return sweep(self.engine, who=self.who, everything=everything)

    def volumes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.volumes(filters={"label": f"{PREFIX}owner={self.who.name}"})["Volumes"]
        return found or []

    def clear(self) -> None:
        for who in (self.who.name, f"other-{self.who.name}"):
            marked = {"label": f"{PREFIX}owner={who}"}
            for each in self.api.containers(all=True, filters=marked):
                self.api.remove_container(each["Id"], v=True, force=True)
            for volume in self.api.volumes(filters=marked)["Volumes"] or []:
                self.api.remove_volume(volume["Name"])


@pytest.fixture
def scene(engine: Engine, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        here = Scene(engine, tmp_path, stack)
        yield here
        here.clear()


def test_we_are_the_same_in_every_process_of_a_machine() -> None:
    assert owner() == owner()
    assert owner().name.endswith(f":{os.getuid()}")
    assert owner().boot


def test_labels_say_only_what_there_is() -> None:
    who = Owner(name="gpu-box:1000", boot="b", namespace="n")
    assert labels(who, Path("/tmp/x/lock"), "probe") == {
        "io.gpu-doc.owner": "gpu-box:1000",
        "io.gpu-doc.boot": "b",
        "io.gpu-doc.namespace": "n",
        "io.gpu-doc.lock": "/tmp/x/lock",
        "io.gpu-doc.kind": "probe",
    }
    more = labels(who, Path("/x"), "run", run="sweep[lr=0.1]", fingerprint="f", gpus=("0", "1"), detached="never")
    assert {name.removeprefix(PREFIX): more[name] for name in more if more[name] in ("sweep[lr=0.1]", "f", "0,1")} == {
        "run": "sweep[lr=0.1]",
        "fingerprint": "f",
        "gpus": "0,1",
    }
    assert more["io.gpu-doc.detached"] == "never"


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize(
    ("lock", "change", "dies"),
    [
        ("held", {}, (False, False)),
        ("free", {}, (True, True)),
        ("gone", {}, (True, True)),
        ("held", {"boot": "another start of the machine"}, (True, True)),
        ("gone", {"namespace": "another container's"}, (False, True)),
        ("free", {"namespace": "another container's"}, (True, True)),
    ],
)
def test_whose_owner_is_gone(
    scene: Scene,
    lock: str,
    change: dict[str, str],
    dies: tuple[bool, bool],
    everything: bool,  # noqa: FBT001 - a case
) -> None:
    path = Path("/nowhere/lock") if lock == "gone" else scene.lock(held=lock == "held")
    made = scene.container(labels(replace(scene.who, **change), path, "run"))
    expected = dies[everything]
    assert scene.sweep(everything=everything) == Swept(containers=(made,) if expected else ())
    assert bool(scene.volumes()) == (not expected)


def test_others_containers_are_left_alone(scene: Scene) -> None:
    other = replace(scene.who, name=f"other-{scene.who.name}")
    scene.container(labels(other, scene.lock(held=False), "run"))
    assert scene.sweep(everything=True) == Swept()


@pytest.mark.parametrize(
    ("command", "until", "dies"),
    [
        ("busybox sleep 60", "in an hour", (False, True)),
        ("busybox sleep 60", "never", (False, True)),
        ("busybox sleep 60", "a second ago", (True, True)),
        ("true", "in an hour", (False, True)),
        ("true", "a second ago", (True, True)),
        ("", "in an hour", (True, True)),
        ("true", "nonsense", (True, True)),
    ],
)
def test_detached_commands_are_spared_until_their_time_is_over(
    scene: Scene, command: str, until: str, dies: tuple[bool, bool]
) -> None:
    if until in DEADLINES:
        until = (datetime.now(timezone.utc) + DEADLINES[until]).isoformat()
    made = scene.container(labels(scene.who, scene.lock(held=False), "run", detached=until), command)
    for everything in (False, True):
        expected = dies[everything] and not (everything and dies[0])
        assert scene.sweep(everything=everything).containers == ((made,) if expected else ())


def test_volumes_without_a_container_go_and_used_ones_stay(scene: Scene) -> None:
    held, free = labels(scene.who, scene.lock(held=True), "run"), labels(scene.who, scene.lock(held=False), "run")
    used, left = (scene.api.create_volume(labels=free)["Name"] for _ in range(2))
    mine = scene.api.create_volume(labels=held)["Name"]
    container = scene.api.create_container_from_config(
        {
            "Image": image("nopython"),
            "Cmd": ["/bin/sh"],
            "Labels": held,
            "HostConfig": {"Mounts": [{"Type": "volume", "Source": used, "Target": "/x"}]},
        }
    )["Id"]
    assert scene.sweep() == Swept(volumes=(left,))
    assert {each["Name"] for each in scene.volumes()} == {used, mine}
    scene.api.remove_container(container)


def test_what_vanishes_meanwhile_is_nobodys_concern(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene.container(labels(scene.who, scene.lock(held=False), "run"))
    judge = sweeping._is_over

    def slowly(*arguments: Any, **more: Any) -> bool:
        with connect(None, os.environ, scene.folder) as another:
            for each in another.client.api.containers(all=True, filters={"id": made}):
                another.client.api.remove_container(each["Id"], v=True, force=True)
        return judge(*arguments, **more)

    monkeypatch.setattr(sweeping, "_is_over", slowly)
    assert scene.sweep() == Swept()
