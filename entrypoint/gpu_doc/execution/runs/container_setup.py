"""Where a run of an image finds itself, and the words for the engine that make its container."""

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
from gpu_doc.execution.containers.recipe import WORKSPACE, Mount
from gpu_doc.execution.gpus.requests import device_requests
from gpu_doc.model.configuration import Run
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json

if TYPE_CHECKING:
    from gpu_doc.execution.containers.images import Image
    from gpu_doc.execution.containers.sweep import Kind, Owner
    from gpu_doc.execution.containers.visibility import Visibility
    from gpu_doc.execution.gpus.inventory import Gpu
    from gpu_doc.execution.gpus.offer import Offer

_DEEPEST_REPOSITORY = 3
"""How many folders deep repositories within the checkout are looked for, to mask what git keeps there."""


UNPRIVILEGED = 1000
"""User and group of runs where the runner is root. Nothing of theirs lands on this machine but through us."""


def user_of(run: Run) -> tuple[int, int] | None:
    """Return user and group of a run: ours, unprivileged ones where we are root; None for the image's."""
    if run.user == "image":
        return None
    return (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED, UNPRIVILEGED)


@dataclass(frozen=True, kw_only=True)
class ContainerSetup:
    """Where a run of an image finds itself; `order` gives the words for the engine."""

    run: Run
    fingerprint: str
    image: Image
    runs_in: Image
    """The image, or the one derived from it that has ipykernel."""
    address: Mapping[str, str]
    """Of the engine."""
    visibility: Visibility
    selinux: bool
    offer: Offer
    """How the engine gives GPUs to containers."""
    goes_on: bool
    """A detached command of this fingerprint and layer is there already: it runs, or has ended meanwhile."""
    layer: str
    """Whose result the run makes."""
    root: Path
    checkout: Path
    """The repository, or the root where there is none."""
    user: tuple[int, int] | None
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variables too, told to our agent: what makes a container can be read by whoever may talk to the engine."""
    who: Owner
    lock: Path
    lower: str | None
    """The folder on the engine's machine over which the workspace is laid; None where it is copied for each run."""
    data_volumes: Mapping[str, str]
    """Copies of data, by the path at which they stand, where the engine can't see ours."""
    left_out: frozenset[str]
    """Data within the checkout that was not copied with it."""

    def order(self, gpus: Sequence[Gpu] = ()) -> dict[str, Json]:
        """Return all that the process needs that drives the run, as JSON holds it. `gpus` are those leased.

        Raises MachineError: declared data is not here, the run's folder lies outside of the checkout, what must not
        be seen can't be hidden, or the engine can't give GPUs in the way asked for.
        """
        places = [self.inside(self._own_folder()), self.inside(self.root)]
        return {
            "engine": dict(self.address),
            "reference": self.image.reference,
            "create": recipe.payload(self.run, self.setting(gpus), places[0]),
            "overlay": self.lower,
            "user": list(self.user) if self.user else None,
            "image-user": self.image.user,
            "checkout": str(self.checkout),
            "left-out": sorted(self.left_out),
            "own-folders": [] if self.visibility.same_ids else list(self.run.caches.values()),
            "job": {**recipe.agent_job(self.run, places), "secrets": dict(self.secrets)},
        }

    def setting(self, gpus: Sequence[Gpu] = (), kind: Kind = "run") -> recipe.Setting:
        """Return what the run finds around it. Raises MachineError, as `order` does."""
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
            masked=tuple(self.masked()) if self.visibility.overlays else (),
            devices=tuple(device_requests(gpus, self.run.gpu_driver, self.offer)),
            environment={**nobody_to_ask, **self.environment},
            labels=self._labels([gpu.id for gpu in gpus], kind),
            unlabelled=self.selinux and (bool(mounts) or self.visibility.overlays),
        )

    @property
    def folder(self) -> Path:
        """Where the run happens, on our side."""
        return self.root / self.run.folder

    def _own_folder(self) -> Path:
        """The folder without links: those with a path of this machine lead nowhere in a container."""
        real, checkout = self.folder.resolve(), self.checkout.resolve()
        if not real.is_relative_to(checkout):
            what = f"the notebook's folder is a link that leads out of the checkout, to {real}"
            remedy = "A container gets the checkout only: put the folder there, or a copy of it."
            raise MachineError(what, where=Location(str(self.run.notebook)), remedy=remedy)
        return self.checkout / real.relative_to(checkout)

    def inside(self, path: Path) -> str:
        """Return where a path of ours stands in the container: what lies outside the checkout, at the same place."""
        if path.is_relative_to(self.checkout):
            return str(Path(WORKSPACE) / path.relative_to(self.checkout))
        return str(path)

    def _data(self) -> list[Path]:
        paths = [Path(os.path.normpath(self.root / source.path)) for source in self.run.data]
        for path in paths:
            if not path.exists():
                raise MachineError(
                    f"`data: {path}` is not here", where=self.run.address, remedy="Bring it here, or correct the path."
                )
        return paths

    def masked(self) -> Iterable[tuple[str, bool]]:
        """What must not be seen: git's own folders, where a checkout may have left a token, and our state."""
        for folder, folders, names in os.walk(self.checkout):
            place = Path(folder).relative_to(self.checkout)
            for name in _hidden(folders, names):
                yield _in_words(self.inside(Path(folder, name))), name in folders
            deep = len(place.parts) >= _DEEPEST_REPOSITORY
            folders[:] = [] if deep else [name for name in folders if name not in {*GIT_AND_STATE, "node_modules"}]

    def _labels(self, devices: Sequence[str], kind: Kind) -> dict[str, str]:
        from gpu_doc.execution.containers import sweep

        until = None
        if self.run.detach:
            limit = self.run.limits.time
            until = _iso(datetime.now(timezone.utc) + timedelta(seconds=limit)) if limit else "never"
        run, fingerprint = self.run.address, self.fingerprint
        marks = sweep.labels(self.who, self.lock, kind, run=run, fingerprint=fingerprint, gpus=devices, detached=until)
        return {**marks, sweep.LAYER: self.layer} if self.layer else marks


def _in_words(path: str) -> str:
    """A path as the engine can be told it. Raises MachineError."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        what = f"{path!a} can't be hidden from runs: its name is not in UTF-8"
        raise MachineError(what, remedy="Rename its folder, or remove it.") from error
    return path


def _hidden(folders: Iterable[str], names: Iterable[str]) -> list[str]:
    return [name for name in (*folders, *names) if name in GIT_AND_STATE]


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _cache_volume(path: str) -> str:
    """The volume that stands for a cache where runs can't write to ours; it outlives runs, as a cache should."""
    return f"gpu-doc-cache-{sha256(path.encode()).hexdigest()[:16]}"
