"""Copies on an engine that all runs of a refresh share: the checkout, and data, where the engine can't use ours.

Each is a volume, filled once through a container that never starts. Runs see the checkout through a copy-on-write view
of that volume, as they would see ours.
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
    """What was copied to one engine. `image` is one that is there: which one does not matter."""

    def __init__(self, engine: Engine, image: str, labels: Mapping[str, str]) -> None:
        self._engine = engine
        self._image = image
        self._labels = dict(labels)
        self._volumes: dict[str, str] = {}
        self._checkout = ""

    def checkout(self, parcel: Parcel) -> str:
        """Return the folder on the engine's machine that holds a copy of the checkout.

        Raises EngineError; MachineError: something of it can't be read.
        """
        if not self._checkout:
            self._checkout = self._fill(recipe.WORKSPACE, parcel)
        return self._checkout

    @property
    def held(self) -> dict[str, str]:
        """The volume that holds the copy of the checkout, by a place at which it may be mounted beside the view.

        A detached command needs it for as long as it lives: the engine removes no volume that a container uses.
        """
        return {f"{recipe.HOME}/checkout": self._volumes[recipe.WORKSPACE]} if self._checkout else {}

    def overlays(self, probe: Path) -> bool:
        """Whether the copy of the checkout can be laid under a copy-on-write view, in which `probe` is seen."""
        mark = recipe.WORKSPACE + "/" + probe.as_posix()
        return bool(self._checkout) and overlay_shows(self._engine, self._image, self._checkout, mark, self._labels)

    def data(self, path: Path, target: str) -> str:
        """Return the name of a volume that holds a copy of data, to be mounted at `target`. Raises as `checkout`."""
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
