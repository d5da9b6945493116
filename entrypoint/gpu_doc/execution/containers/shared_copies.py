"""Copies of the checkout and of data, shared by all runs of a refresh, for an engine that can't see our files.

Each copy is a volume, filled once through a container that never starts. Runs use a copy-on-write view of the
checkout's volume, as they would use one of our checkout.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gpu_doc.execution.containers import container_answers, recipe
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.removal import remove_container
from gpu_doc.execution.containers.visibility import overlay_shows
from gpu_doc.execution.containers.workspace import Parcel, packed


class SharedCopies:
    """The copies on one engine. `image` is any image that it has."""

    def __init__(self, engine: Engine, image: str, labels: Mapping[str, str]) -> None:
        self._engine = engine
        self._image = image
        self._labels = dict(labels)
        self._volumes: dict[str, str] = {}
        self._checkout = ""

    def checkout(self, parcel: Parcel) -> str:
        """Return the folder on the engine's machine that holds a copy of the checkout.

        Raises EngineError; MachineError if a file can't be read.
        """
        if not self._checkout:
            self._checkout = self._fill(recipe.WORKSPACE, parcel)
        return self._checkout

    @property
    def held(self) -> dict[str, str]:
        """Return the volume with the checkout's copy, by a path to mount it at, beside the view.

        It keeps the volume alive for a detached command: the engine removes no volume that a container uses.
        """
        return {f"{recipe.HOME}/checkout": self._volumes[recipe.WORKSPACE]} if self._checkout else {}

    def overlays(self, probe: Path) -> bool:
        """Whether a copy-on-write view of the checkout's copy works and shows the file `probe`."""
        mark = recipe.WORKSPACE + "/" + probe.as_posix()
        return bool(self._checkout) and overlay_shows(self._engine, self._image, self._checkout, mark, self._labels)

    def data(self, path: Path, target: str) -> str:
        """Return the name of a volume with a copy of data, to mount at `target`. Raises as `checkout` does."""
        if target not in self._volumes:
            self._fill(target, Parcel(user=(0, 0), agent=False, copies=((path, target),)))
        return self._volumes[target]

    def close(self) -> None:
        """Remove all copies."""
        for name in self._volumes.values():
            with suppress(EngineError), self._engine.tidying() as api:
                api.remove_volume(name, force=True)
        self._volumes.clear()
        self._checkout = ""

    def _fill(self, target: str, parcel: Parcel) -> str:
        api = self._engine.client.api
        with sentences():
            volume = container_answers.volume(api.create_volume(labels=self._labels))
        self._volumes[target] = volume.name
        mount = {"Type": "volume", "Source": volume.name, "Target": target, "VolumeOptions": {"NoCopy": True}}
        config = {"Image": self._image, "Entrypoint": ["-"], "Labels": self._labels, "HostConfig": {"Mounts": [mount]}}
        with sentences():
            container = container_answers.identity(api.create_container_from_config(config), "a container")
        try:
            with sentences(), packed(parcel) as stream:
                api.put_archive(container, "/", stream)
        finally:
            with suppress(EngineError):
                remove_container(self._engine, container, kept=[volume.name], with_volumes=False)
        return volume.folder
