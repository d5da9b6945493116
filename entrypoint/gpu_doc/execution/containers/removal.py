"""Removes a container with all its volumes, also those that its engine forgets."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from gpu_doc.execution.containers import container_answers
from gpu_doc.execution.containers.engine import Engine
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.system.retrying import patiently

_PAUSES = (0.1, 0.3, 1.0, 2.0)
"""Seconds between tries: Podman can't remove a container that is just ending ("container state improper: stopped")."""


def remove_container(
    engine: Engine, container: str, *, kept: Collection[str] = (), with_volumes: bool = True, where: str = ""
) -> None:
    """Remove a container, running or not, and its anonymous volumes.

    Keeps the volumes `kept`, and those that another container uses. Without `with_volumes`, we don't ask the engine to
    remove any: some engines would also remove a volume that we made without a name.

    Raises EngineError if there is no such container (`vanished`), the engine refuses, or takes too long (`late`).
    """
    with engine.tidying(where) as api:
        came_with_it = container_answers.unnamed_volumes(api.inspect_container(container)) - set(kept)
    _removed(engine, container, where, with_volumes=with_volumes)
    # Podman 4.3 sometimes removes the container and leaves its volumes; it says so only in its own log.
    for name in came_with_it:
        with suppress(EngineError), engine.tidying(where) as api:
            api.remove_volume(name)


def _removed(engine: Engine, container: str, where: str, *, with_volumes: bool) -> None:
    def remove() -> None:
        with engine.tidying(where) as api:
            api.remove_container(container, v=with_volumes, force=True)

    patiently(remove, EngineError, pauses=_PAUSES, when=lambda error: error.cause == "settings" and not error.late)
