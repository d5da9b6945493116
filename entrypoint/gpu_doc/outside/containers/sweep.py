"""What a killed gpu-doc left on an engine: found by its labels, and removed once its owner is surely gone.

Labels of every container and volume of ours: whose it is (`owner`), since which start of the machine (`boot`), the file
that the owner holds locked while it lives (`lock`), and where that path means something (`namespace`).
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from gpu_doc.outside.containers.engine import Engine, sentences
from gpu_doc.outside.containers.failures import EngineError

PREFIX = "io.gpu-doc."
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
    filters = {"label": [f"{PREFIX}owner={who.name}"]}
    with sentences():
        containers = engine.client.api.containers(all=True, filters=filters)
    dead = [each for each in containers if _is_over(each["Labels"], each["State"], who, everything=everything)]
    left: list[str] = []
    gone = [each["Id"] for each in dead if _removed(engine, "container", each["Id"], left)]
    with sentences():
        volumes = engine.client.api.volumes(filters=filters)["Volumes"] or []
    # A volume that a spared container uses is refused, and stays with it.
    old = [each["Name"] for each in volumes if _is_over(each["Labels"], "", who, everything=everything)]
    used = {mount.get("Name") for each in containers if each not in dead for mount in each["Mounts"]}
    emptied = [name for name in old if name not in used and _removed(engine, "volume", name, left)]
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


def _removed(engine: Engine, what: Literal["container", "volume"], name: str, left: list[str]) -> bool:
    """Remove one thing, and say whether it was there to be removed."""
    options: dict[str, Any] = {"v": True, "force": True} if what == "container" else {"force": True}
    try:
        with sentences(f"{what} {name[:12]}"):
            getattr(engine.client.api, f"remove_{what}")(name, **options)
    except EngineError as error:
        if error.cause == "engine":
            raise
        if error.cause != "vanished":
            left.append(f"{error.where}: {error}")
        return False
    return True


def remove_own(engine: Engine, lock: Path, fingerprints: Sequence[str] = ()) -> None:
    """Remove what we ourselves made, by our lock, and the detached commands of these runs, which others may have begun.

    Raises EngineError: the engine went away.
    """
    ours = [f"{PREFIX}lock={lock}"]
    adopted = [f"{PREFIX}fingerprint={fingerprint}" for fingerprint in fingerprints]
    left: list[str] = []
    for label in (*ours, *adopted):
        with sentences():
            containers = engine.client.api.containers(all=True, filters={"label": [label]})
        for each in containers:
            _removed(engine, "container", each["Id"], left)
    with sentences():
        volumes = engine.client.api.volumes(filters={"label": ours})["Volumes"] or []
    for each in volumes:
        _removed(engine, "volume", each["Name"], left)


def detached(engine: Engine, who: Owner, fingerprint: str) -> list[str]:
    """Return the ids of detached commands by their fingerprint that run, or have ended, and that nobody follows.

    Raises EngineError: the engine went away.
    """
    wanted = {"owner": who.name, "fingerprint": fingerprint, "kind": "run"}
    filters = {"label": [f"{PREFIX}{name}={value}" for name, value in wanted.items()] + [f"{PREFIX}detached"]}
    with sentences():
        found = engine.client.api.containers(all=True, filters=filters)
    left = [each for each in found if not _lives(each["Labels"], who, everything=False)]
    return [each["Id"] for each in left if each["State"] in ("running", "exited")]


def waiting(engine: Engine, who: Owner) -> list[tuple[str, str]]:
    """Return the detached commands that no gpu-doc follows: their runs, and until when they are spared ("never").

    Raises EngineError: the engine went away.
    """
    filters = {"label": [f"{PREFIX}owner={who.name}", f"{PREFIX}detached"]}
    with sentences():
        found = [each["Labels"] for each in engine.client.api.containers(all=True, filters=filters)]
    alone = [marks for marks in found if not _lives(marks, who, everything=False)]
    return [(marks.get(f"{PREFIX}run", ""), marks[f"{PREFIX}detached"]) for marks in alone]


def leased(engine: Engine) -> frozenset[str]:
    """Return the GPUs that containers hold which run, or are about to. Raises EngineError: the engine went away."""
    with sentences():
        found = engine.client.api.containers(all=True, filters={"label": [f"{PREFIX}gpus"]})
    alive = [each for each in found if each["State"] in ("running", "created")]
    return frozenset(name for each in alive for name in each["Labels"][f"{PREFIX}gpus"].split(","))
