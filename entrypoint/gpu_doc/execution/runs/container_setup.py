"""The setup of a run's container: image, user, mounts, and the order for the process that drives it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import MachineError
from gpu_doc.execution.agent import unattended
from gpu_doc.execution.agent.patterns import GIT_AND_STATE
from gpu_doc.execution.containers import recipe
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.containers.recipe import WORKSPACE, Mount
from gpu_doc.execution.gpus.requests import device_requests
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location

if TYPE_CHECKING:
    from gpu_doc.execution.containers.images import Image
    from gpu_doc.execution.containers.sweep import Kind, Owner
    from gpu_doc.execution.containers.visibility import Visibility
    from gpu_doc.execution.gpus.inventory import Gpu
    from gpu_doc.execution.gpus.offer import Offer

_DEEPEST_REPOSITORY = 3
"""The depth to which we search the checkout for repositories, to mask their .git folders."""


UNPRIVILEGED = 1000
"""User and group of runs if gpu-doc runs as root. Only we copy their files to this machine."""


def user_of(run: Run) -> tuple[int, int] | None:
    """Return a run's user and group: ours, or unprivileged ones if we are root; None for the image's."""
    if run.user == "image":
        return None
    return (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED, UNPRIVILEGED)


@dataclass(frozen=True, kw_only=True)
class ContainerSetup:
    """The setup of a run's container; `order` returns it as JSON."""

    run: Run
    fingerprint: str
    image: Image
    runs_in: Image
    """The image, or its copy with ipykernel."""
    address: Mapping[str, str]
    """The address of the engine."""
    visibility: Visibility
    selinux: bool
    offer: Offer
    """How the engine gives GPUs to containers."""
    goes_on: bool
    """A detached command with this fingerprint and layer exists already: it runs, or has ended."""
    layer: str
    """The layer of state that the run's result belongs to."""
    root: Path
    checkout: Path
    """The repository; root if there is none."""
    user: tuple[int, int] | None
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variables that our agent gets, since whoever uses the engine can read a container's settings."""
    who: Owner
    lock: Path
    lower: str | None
    """The folder on the engine's machine below the copy-on-write workspace; None if each run gets a copy."""
    only: frozenset[str] | None
    """What the workspace holds of the checkout, relative to it; None: all."""
    data_volumes: Mapping[str, str]
    """Volumes with copies of data, by mount path, if the engine can't see ours."""
    left_out: frozenset[str]
    """Data within the checkout that was not copied with it."""

    def order(self, gpus: Sequence[Gpu] = ()) -> Order:
        """Return all that the process driving the run needs. `gpus` are the leased ones.

        Raises MachineError if declared data is missing, the run's folder is outside of the checkout, a folder can't be
        hidden, or the engine can't give GPUs in the requested way.
        """
        places = [self.inside(self._own_folder()), self.inside(self.root)]
        return Order(
            engine=dict(self.address),
            reference=self.image.reference,
            create=recipe.payload(self.run, self.setting(gpus), places[0]),
            job=recipe.agent_job(self.run, places, dict(self.secrets), self._watched()),
            user=self.user,
            image_user=self.image.user,
            overlay=self.lower,
            checkout=str(self.checkout),
            only=None if self.only is None else tuple(sorted(self.only)),
            left_out=tuple(sorted(self.left_out)),
            own_folders=() if self.visibility.same_ids else tuple(self.run.caches.values()),
        )

    def setting(self, gpus: Sequence[Gpu] = (), kind: Kind = "run") -> recipe.Setting:
        """Return the settings for the container's recipe. Raises MachineError, as `order` does."""
        data, caches = self._data(), self.run.caches.values()
        ours = self.visibility.same_ids
        nobody_to_ask = unattended.variables(self.run.env) if kind == "run" else {}
        mounts = [
            Mount(source=str(path.resolve()), target=self.inside(path)) for path in data * self.visibility.sees_paths
        ]
        if ours:
            mounts += [Mount(source=path, target=path, writable=True) for path in caches]
        mounts += [Mount(source=name, target=path, kind="volume") for path, name in self.data_volumes.items()]
        return recipe.Setting(
            image=self.runs_in.id,
            user=self.user,
            mounts=tuple(mounts),
            volumes={} if ours else {path: _cache_volume(path) for path in caches},
            masked=tuple(self.masked()) if self.visibility.overlays and self.only is None else (),
            devices=tuple(device_requests(gpus, self.run.gpu_driver, self.offer)),
            environment={**nobody_to_ask, **self.environment},
            labels=self._labels([gpu.id for gpu in gpus], kind),
            unlabelled=self.selinux and (bool(mounts) or self.visibility.overlays),
        )

    @property
    def folder(self) -> Path:
        """The run's working folder, on our side."""
        return self.root / self.run.folder

    def _own_folder(self) -> Path:
        """The folder with links resolved: links with a path on this machine lead nowhere in a container."""
        real, checkout = self.folder.resolve(), self.checkout.resolve()
        if not real.is_relative_to(checkout):
            what = f"the notebook's folder is a link that leads out of the checkout, to {real}"
            remedy = "A container gets the checkout only: put the folder there, or a copy of it."
            raise MachineError(what, where=Location(str(self.run.notebook)), remedy=remedy)
        return self.checkout / real.relative_to(checkout)

    def inside(self, path: Path) -> str:
        """Convert a path of ours to the container's; outside the checkout, it is the same."""
        if path.is_relative_to(self.checkout):
            return str(Path(WORKSPACE) / path.relative_to(self.checkout))
        return str(path)

    def _watched(self) -> list[str]:
        """Return the folders, inside, where what the run looks at is recorded; the rest is the image's."""
        data = [self.inside(Path(os.path.normpath(self.root / source.path))) for source in self.run.data]
        return [WORKSPACE, *data, *self.run.caches.values()]

    def _data(self) -> list[Path]:
        paths = [Path(os.path.normpath(self.root / source.path)) for source in self.run.data]
        for path in paths:
            if not path.exists():
                raise MachineError(
                    f"`data: {path}` is not here", where=self.run.address, remedy="Bring it here, or correct the path."
                )
        return paths

    def masked(self) -> Iterable[tuple[str, bool]]:
        """Yield what must be hidden: .git folders, which may hold a token, and our state."""
        for folder, folders, names in os.walk(self.checkout):
            place = Path(folder).relative_to(self.checkout)
            for name in (each for each in (*folders, *names) if each in GIT_AND_STATE):
                yield _in_words(self.inside(Path(folder, name))), name in folders
            deep = len(place.parts) >= _DEEPEST_REPOSITORY
            folders[:] = [] if deep else [name for name in folders if name not in {*GIT_AND_STATE, "node_modules"}]

    def _labels(self, devices: Sequence[str], kind: Kind) -> dict[str, str]:
        from gpu_doc.execution.containers import sweep

        until = None
        if self.run.detach:
            limit = self.run.limits.time
            end = datetime.now(timezone.utc) + timedelta(seconds=limit or 0)
            until = end.isoformat(timespec="seconds") if limit else "never"
        run, fingerprint = self.run.address, self.fingerprint
        marks = sweep.labels(self.who, self.lock, kind, run=run, fingerprint=fingerprint, gpus=devices, detached=until)
        return {**marks, sweep.LAYER: self.layer} if self.layer else marks


def _in_words(path: str) -> str:
    """Return a path as text for the engine. Raises MachineError."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        what = f"{path!a} can't be hidden from runs: its name is not in UTF-8"
        raise MachineError(what, remedy="Rename its folder, or remove it.") from error
    return path


def _cache_volume(path: str) -> str:
    """Return the volume to use for a cache if runs can't write to ours; like a cache, it outlives runs."""
    return f"gpu-doc-cache-{sha256(path.encode()).hexdigest()[:16]}"
