"""Typed readers for engines' answers about containers and volumes.

Each reader documents what a missing field means. A field that we can't do without raises EngineError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.execution.containers.answer_fields import as_labels, as_list, as_table, as_text, as_texts, lacks

_OVER = ("exited", "dead", "stopped", "removing")
"""The states of containers that have ended, Podman's own words too."""

_UNNAMED = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a container."""

    phase: str
    """As the engine calls it: created, running, exited, ..."""
    running: bool
    status: int | None
    """As the engine tells it; None where it doesn't."""
    out_of_memory: bool
    error: str

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self.running and self.phase in _OVER


def state(container: Any) -> State:
    """Return the state in GET /containers/ID/json. Raises EngineError if there is none."""
    found = as_table(as_table(container).get("State"))
    phase = as_text(found.get("Status")).lower()
    running = found.get("Running")
    if not phase and not isinstance(running, bool):
        raise lacks("State", "how a container is", container)
    status = found.get("ExitCode")
    return State(
        phase=phase or ("running" if running else "exited"),
        running=running if isinstance(running, bool) else phase == "running",
        status=status if isinstance(status, int) and not isinstance(status, bool) else None,
        out_of_memory=found.get("OOMKilled") is True,
        error=as_text(found.get("Error")),
    )


def entrypoint(container: Any) -> tuple[str, ...]:
    """Return the entrypoint in GET /containers/ID/json; empty if it is missing."""
    return as_texts(as_table(as_table(container).get("Config")).get("Entrypoint"))


def unnamed_volumes(container: Any) -> frozenset[str]:
    """Return the anonymous volumes in GET /containers/ID/json: the engine names them with 64 hexadecimal digits."""
    names = (as_text(as_table(mount).get("Name")) for mount in as_list(as_table(container).get("Mounts")))
    return frozenset(name for name in names if _UNNAMED.fullmatch(name))


def identity(answer: Any, what: str) -> str:
    """Return the id in the answer to POST /containers/create or /containers/ID/exec. Raises EngineError."""
    found = as_text(as_table(answer).get("Id"))
    if not found:
        raise lacks("Id", f"the id of {what}", answer)
    return found


def link_target(stat: Any) -> str:
    """Return the target of a link in a container (X-Docker-Container-Path-Stat); empty if it is not a link."""
    return as_text(as_table(stat).get("linkTarget"))


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A container in GET /containers/json."""

    id: str
    phase: str
    labels: Mapping[str, str]
    volumes: frozenset[str]
    """The names of the volumes that it uses."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.phase in _OVER


def containers(answer: Any) -> list[Listed]:
    """Return the listed containers; skip entries without an id."""
    found = [as_table(each) for each in as_list(answer)]
    return [
        Listed(
            id=as_text(each.get("Id")),
            phase=as_text(each.get("State")).lower(),
            labels=as_labels(each.get("Labels")),
            volumes=frozenset(as_text(as_table(mount).get("Name")) for mount in as_list(each.get("Mounts"))) - {""},
        )
        for each in found
        if as_text(each.get("Id"))
    ]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume."""

    name: str
    folder: str
    """Its folder on the engine's machine; empty if the engine doesn't say."""
    labels: Mapping[str, str]


def volume(answer: Any) -> Volume:
    """Return the new volume (POST /volumes/create). Raises EngineError if it has no name."""
    found = _volume(answer)
    if not found.name:
        raise lacks("Name", "the name of a volume", answer)
    return found


def volumes(answer: Any) -> list[Volume]:
    """Return the volumes in GET /volumes; skip entries without a name."""
    return [found for each in as_list(as_table(answer).get("Volumes")) if (found := _volume(each)).name]


def _volume(answer: Any) -> Volume:
    found = as_table(answer)
    name, folder = as_text(found.get("Name")), as_text(found.get("Mountpoint"))
    return Volume(name=name, folder=folder, labels=as_labels(found.get("Labels")))
