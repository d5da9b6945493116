"""Removes what a killed gpu-doc left on an engine: found by its labels, once its owner is certainly gone.

Each container and volume of ours has labels: its owner (`owner`), the owner's boot of the machine (`boot`), the file
that the owner keeps locked while it lives (`lock`), and the mount namespace in which that path is valid (`namespace`).
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
"""The label for the layer of state that a run's result belongs to."""
_PAUSES = (0.0, 0.1, 1.0, 3.0)
"""Seconds before each check for leftovers: a container may be gone before its volumes are."""
_LONG_ENOUGH = 20.0
"""Seconds after which we stop checking again."""

Kind = Literal["run", "probe", "build", "lab"]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Identifies us to later sweeps."""

    name: str
    """HOSTNAME:UID."""
    boot: str
    """The kernel's id of this boot; empty if there is none."""
    namespace: str
    """Our mount namespace: in another one, a lock's path may lead to another file, or none."""


def owner() -> Owner:
    """Return our identity."""
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

    `lock` is locked while we live; `run` is the run's address; `gpus` are the leased devices. `detached` is the time
    (ISO 8601, UTC, or "never") until which it may outlive us; None if it must not.
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
    """The ids and names of what was removed; a sentence for each thing that could not be removed."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def sweep(engine: Engine, *, who: Owner, everything: bool = False) -> Swept:
    """Remove containers and volumes whose owner is gone; never those of other owners, or of a gpu-doc that lives.

    Detached commands are kept until their time is over, even if they have ended: their result waits to be collected.
    `everything` also removes these, and those that may belong to another namespace.

    Raises EngineError if the engine went away.
    """
    mine = [f"{PREFIX}owner={who.name}"]
    containers = _containers(engine, mine)
    dead = [each for each in containers if _is_over(each.labels, each.phase, who, everything=everything)]
    left: list[str] = []
    gone = _containers_removed(engine, dead, left)
    # The engine does not remove a volume that a kept container uses.
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
    """Return whether an owner lives, or may live where we can't see it."""
    if marks.get(f"{PREFIX}boot", "") != who.boot:
        return False
    try:
        with Path(marks.get(f"{PREFIX}lock", "")).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # the file was removed with its owner, or it is in another namespace
        return marks.get(f"{PREFIX}namespace", "") != who.namespace and not everything
    return False


def _has_passed(until: str) -> bool:
    try:
        return until != "never" and datetime.fromisoformat(until) < datetime.now(timezone.utc)
    except (ValueError, TypeError):  # not a time that we wrote
        return True


def _containers_removed(engine: Engine, containers: Sequence[Listed], left: list[str]) -> list[str]:
    """Remove containers; return the ids of those that existed."""
    # Volumes that we made have labels; they are removed separately when nobody needs them.
    made = [each.name for each in _volumes(engine, [f"{PREFIX}owner"])] if containers else []
    ids = [each.id for each in containers]
    return [each for each in ids if _done(partial(_remove, engine, each, made), left)]


def _remove(engine: Engine, container: str, made: Sequence[str]) -> None:
    remove_container(engine, container, kept=made, where=f"container {container[:12]}")


def _volume_removed(engine: Engine, volume: str, left: list[str]) -> bool:
    """Remove a volume; return whether it existed."""

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
    """Remove what this process made, found by its lock, and our layer's detached commands of these runs.

    Returns a sentence for each thing that could not be removed. Raises EngineError if the engine went away.
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
    """Return the ids of a layer's detached commands with this fingerprint, running or ended, that nobody follows.

    Raises EngineError if the engine went away.
    """
    wanted = {"owner": who.name, "fingerprint": fingerprint, "kind": "run"}
    marks = [f"{PREFIX}{name}={value}" for name, value in wanted.items()]
    found = _containers(engine, [*marks, f"{PREFIX}detached", *_of_layer(layer)])
    left = [each for each in found if not _lives(each.labels, who, everything=False)]
    return [each.id for each in left if each.phase in ("running", "exited", "stopped")]


def waiting(engine: Engine, who: Owner) -> list[tuple[str, str]]:
    """Return the detached commands that no gpu-doc follows: their runs, and until when they are kept (or "never").

    Raises EngineError if the engine went away.
    """
    found = [each.labels for each in _containers(engine, [f"{PREFIX}owner={who.name}", f"{PREFIX}detached"])]
    alone = [marks for marks in found if not _lives(marks, who, everything=False)]
    return [(marks.get(f"{PREFIX}run", ""), marks.get(f"{PREFIX}detached", "never")) for marks in alone]


def leased(engine: Engine) -> frozenset[str]:
    """Return the GPUs of containers that run or are about to. Raises EngineError if the engine went away."""
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
    """Ask the engine; try again while it is only busy. Raises EngineError."""
    try:
        with engine.tidying() as api:
            return question(api)
    except EngineError as error:
        if error.cause == "engine" or not error.late:
            raise
    with sentences():
        return question(engine.client.api)
