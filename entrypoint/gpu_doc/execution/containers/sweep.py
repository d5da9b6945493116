"""What a killed gpu-doc left on an engine: found by its labels, and removed once its owner is surely gone.

Labels of every container and volume of ours: whose it is (`owner`), since which start of the machine (`boot`), the file
that the owner holds locked while it lives (`lock`), and where that path means something (`namespace`).
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Literal

from gpu_doc.execution.containers import container_answers
from gpu_doc.execution.containers.container_answers import Listed, Volume
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.removal import remove_container

PREFIX = "io.gpu-doc."
LAYER = f"{PREFIX}layer"
"""The label that says whose result a run makes."""
_PAUSES = (0.0, 0.1, 1.0, 3.0)
"""Seconds before each look at what is left: a container may be gone, and its volumes not yet."""
_LONG_ENOUGH = 20.0
"""Seconds of looking and removing after which nobody looks once more."""

Kind = Literal["run", "probe", "build", "lab"]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Who we are, to those who sweep later."""

    name: str
    """HOSTNAME:UID."""
    boot: str
    """The kernel's id of this start of the machine; empty where there is none."""
    namespace: str
    """Our mount namespace: in another one the path of a lock may mean another file, or none."""


def owner() -> Owner:
    """Return who we are."""
    boot = namespace = ""
    with suppress(OSError):  # both are Linux's
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = str(Path("/proc/self/ns/mnt").stat().st_ino)
    return Owner(name=f"{socket.gethostname()}:{os.getuid()}", boot=boot, namespace=namespace)


def labels(
    who: Owner,
    lock: Path,
    kind: Kind,
    *,
    run: str = "",
    fingerprint: str = "",
    gpus: Sequence[str] = (),
    detached: str | None = None,
) -> dict[str, str]:
    """Return the labels of a container or volume.

    `lock` is held while we live; `run` is its address; `gpus` are the devices leased; `detached` is the time (ISO 8601,
    UTC) or "never" until which it is spared when we are gone, None for what goes with us.
    """
    facts = {
        "owner": who.name,
        "boot": who.boot,
        "namespace": who.namespace,
        "lock": str(lock),
        "kind": kind,
        "run": run,
        "fingerprint": fingerprint,
        "gpus": ",".join(gpus),
        "detached": detached or "",
    }
    return {f"{PREFIX}{name}": value for name, value in facts.items() if value}


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was removed, by id or name; and what could not be, each as a sentence."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def sweep(engine: Engine, *, who: Owner, everything: bool = False) -> Swept:
    """Remove containers and volumes whose owner is gone; never those of other owners, nor of a gpu-doc that lives.

    Detached commands are spared until their time is over, ended ones too: their result waits to be picked up.
    `everything` takes those, and what may be another namespace's.

    Raises EngineError: the engine went away.
    """
    mine = [f"{PREFIX}owner={who.name}"]
    containers = _containers(engine, mine)
    dead = [each for each in containers if _is_over(each.labels, each.phase, who, everything=everything)]
    left: list[str] = []
    gone = _containers_removed(engine, dead, left)
    # A volume that a spared container uses is refused, and stays with it.
    volumes = _volumes(engine, mine)
    old = [each.name for each in volumes if _is_over(each.labels, "", who, everything=everything)]
    used = {name for each in containers if each not in dead for name in each.volumes}
    emptied = [name for name in old if name not in used and _volume_removed(engine, name, left)]
    return Swept(containers=tuple(gone), volumes=tuple(emptied), left=tuple(left))


def _is_over(marks: Mapping[str, str], state: str, who: Owner, *, everything: bool) -> bool:
    if _lives(marks, who, everything=everything):
        return False
    until = marks.get(f"{PREFIX}detached")
    return everything or not until or state == "created" or _has_passed(until)


def _lives(marks: Mapping[str, str], who: Owner, *, everything: bool) -> bool:
    """Say whether an owner lives, or may live where we can't see."""
    if marks.get(f"{PREFIX}boot", "") != who.boot:
        return False
    try:
        with Path(marks.get(f"{PREFIX}lock", "")).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file is gone with its owner, or it never was in our namespace
        return marks.get(f"{PREFIX}namespace", "") != who.namespace and not everything
    return False


def _has_passed(until: str) -> bool:
    try:
        return until != "never" and datetime.fromisoformat(until) < datetime.now(timezone.utc)
    except (ValueError, TypeError):  # not one that we write
        return True


def _containers_removed(engine: Engine, containers: Sequence[Listed], left: list[str]) -> list[str]:
    """Remove some, and give the ids of those that were there to be removed."""
    # Volumes that we made are found by their labels, and removed where nobody needs them any more.
    made = [each.name for each in _volumes(engine, [f"{PREFIX}owner"])] if containers else []
    ids = [each.id for each in containers]
    return [each for each in ids if _done(partial(_remove, engine, each, made), left)]


def _remove(engine: Engine, container: str, made: Sequence[str]) -> None:
    remove_container(engine, container, kept=made, where=f"container {container[:12]}")


def _volume_removed(engine: Engine, volume: str, left: list[str]) -> bool:
    """Remove one, and say whether it was there to be removed."""

    def remove() -> None:
        with engine.tidying(f"volume {volume[:12]}") as api:
            api.remove_volume(volume, force=True)

    return _done(remove, left)


def _done(removal: Callable[[], None], left: list[str]) -> bool:
    try:
        removal()
    except EngineError as error:
        if error.cause == "engine":
            raise
        if error.cause != "vanished":
            left.append(f"{error.where}: {error}")
        return False
    return True


def remove_own(engine: Engine, lock: Path, fingerprints: Sequence[str] = (), layer: str = "") -> tuple[str, ...]:
    """Remove what we ourselves made, by our lock, and our layer's detached commands of these runs, whoever began them.

    Returns what could not be removed, each as a sentence. Raises EngineError: the engine went away.
    """
    for each in fingerprints:
        _containers_removed(engine, _containers(engine, [f"{PREFIX}fingerprint={each}", *_of_layer(layer)]), [])
    left: list[str] = []
    end = time.monotonic() + _LONG_ENOUGH
    for pause in _PAUSES:
        time.sleep(pause)
        left = []
        containers = _containers(engine, [f"{PREFIX}lock={lock}"])
        volumes = _volumes(engine, [f"{PREFIX}lock={lock}"])
        _containers_removed(engine, containers, left)
        for volume in volumes:
            _volume_removed(engine, volume.name, left)
        if time.monotonic() > end or not (containers or volumes):
            break
    return tuple(left)


def _of_layer(layer: str) -> list[str]:
    return [f"{LAYER}={layer}"] if layer else []


def detached(engine: Engine, who: Owner, fingerprint: str, layer: str) -> list[str]:
    """Return the ids of a layer's detached commands by their fingerprint that run, or have ended, and nobody follows.

    Raises EngineError: the engine went away.
    """
    wanted = {"owner": who.name, "fingerprint": fingerprint, "kind": "run"}
    marks = [f"{PREFIX}{name}={value}" for name, value in wanted.items()]
    found = _containers(engine, [*marks, f"{PREFIX}detached", *_of_layer(layer)])
    left = [each for each in found if not _lives(each.labels, who, everything=False)]
    return [each.id for each in left if each.phase in ("running", "exited", "stopped")]


def waiting(engine: Engine, who: Owner) -> list[tuple[str, str]]:
    """Return the detached commands that no gpu-doc follows: their runs, and until when they are spared ("never").

    Raises EngineError: the engine went away.
    """
    found = [each.labels for each in _containers(engine, [f"{PREFIX}owner={who.name}", f"{PREFIX}detached"])]
    alone = [marks for marks in found if not _lives(marks, who, everything=False)]
    return [(marks.get(f"{PREFIX}run", ""), marks.get(f"{PREFIX}detached", "never")) for marks in alone]


def leased(engine: Engine) -> frozenset[str]:
    """Return the GPUs that containers hold which run, or are about to. Raises EngineError: the engine went away."""
    alive = [each for each in _containers(engine, [f"{PREFIX}gpus"]) if not each.over]
    return frozenset(name for each in alive for name in each.labels.get(f"{PREFIX}gpus", "").split(",")) - {""}


def _containers(engine: Engine, labels: Sequence[str]) -> list[Listed]:
    """All that have these labels. Raises EngineError."""
    filters = {"label": list(labels)}
    return container_answers.containers(_asked(engine, lambda api: api.containers(all=True, filters=filters)))


def _volumes(engine: Engine, labels: Sequence[str]) -> list[Volume]:
    """All that have these labels. Raises EngineError."""
    filters = {"label": list(labels)}
    return container_answers.volumes(_asked(engine, lambda api: api.volumes(filters=filters)))


def _asked(engine: Engine, question: Callable[[Any], Any]) -> Any:
    """Ask, with patience for an engine that is only busy. Raises EngineError."""
    try:
        with engine.tidying() as api:
            return question(api)
    except EngineError as error:
        if error.cause == "engine" or not error.late:
            raise
    with sentences():
        return question(engine.client.api)
