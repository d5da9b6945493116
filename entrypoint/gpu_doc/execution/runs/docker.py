"""Containers for a refresh: engines, images, and where each run finds itself. Runs themselves are execute.py's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers import recipe
from gpu_doc.execution.gpus import requests
from gpu_doc.execution.runs.container_setup import ContainerSetup
from gpu_doc.execution.runs.retries import patiently
from gpu_doc.model.configuration import ImageIdentity, Run
from gpu_doc.model.values import Json

if TYPE_CHECKING:
    from gpu_doc.execution.containers.engine import Engine
    from gpu_doc.execution.containers.images import Image
    from gpu_doc.execution.containers.shared_copies import SharedCopies
    from gpu_doc.execution.containers.visibility import Visibility
    from gpu_doc.execution.gpus.offer import Offer

UNPRIVILEGED = 1000
"""User and group of runs where the runner is root. Nothing of theirs lands on this machine but through us."""

_WORTH_A_WORD = 3.0
"""Seconds that copying the checkout may take without a word about it."""

_Key = tuple[str | None, str, ImageIdentity | None]
"""Engine, image as written, and the image in evidence that a run stays on."""


class Docker:
    """What the runs of a refresh share: connections, images, what was found out about engines."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        root: Path,
        checkout: Path,
        config: Path,
        runtime: Path,
        layer: str = "",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`config` is the configuration file, by which engines are shown to see our paths; `runtime` is ours alone.

        `layer` says whose results the runs make (see state.py): nobody else picks up a detached command of theirs.
        `say` gets what is worth a warning at the end.
        """
        from gpu_doc.execution.containers import sweep

        self._environ = environ
        self._root = root
        self._checkout = checkout
        self._config = config
        self._runtime = runtime
        self._say = say
        self._layer = layer
        self._who = sweep.owner()
        self._stack = ExitStack()
        self._engines: dict[str | None, Engine] = {}
        self._images: dict[_Key, Image] = {}
        self._derived: dict[str, Image] = {}
        self._visibilities: dict[str | None, Visibility] = {}
        self._all_shared_copies: dict[str | None, SharedCopies] = {}
        self._lowers: dict[str | None, str | None] = {}
        self._problems: dict[_Key, GpuDocError] = {}
        self._data: list[frozenset[Path]] = []
        self._detached: list[str] = []

    def __enter__(self) -> Docker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self, runs: Iterable[tuple[Run, ImageIdentity | None]], progress: Callable[[str], None]) -> None:
        """Have the image of each run, with the one in evidence that it should stay on. See `problem`."""
        for run, known in runs:
            key = _key(run, known)
            self._data.append(frozenset(Path(os.path.normpath(self._root / source.path)) for source in run.data))
            if key in self._problems:
                continue
            try:
                image = self._images[key] = self._images.get(key) or patiently(
                    run, partial(self._ensure, run, known, progress), progress
                )
                if run.bootstrap and run.notebook and image.id not in self._derived:
                    self._derived[image.id] = self._bootstrapped(run, image, progress)
            except GpuDocError as error:
                error.where = error.where or str(run.image)
                self._problems[key] = error

    def problem(self, run: Run, known: ImageIdentity | None = None) -> GpuDocError | None:
        """Why a run can't have its image, if it can't."""
        return self._problems.get(_key(run, known))

    def identity(self, run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        """Which image a run has, None where `prepare` was not asked for it."""
        image = self._images.get(_key(run, known))
        return image.identity if image else None

    def place(
        self,
        run: Run,
        fingerprint: str,
        note: Callable[[str], None],
        *,
        known: ImageIdentity | None = None,
        view: bool = True,
    ) -> ContainerSetup:
        """Return where a run finds itself whose image is this one.

        Without `view`, it is to have the checkout itself for its workspace: no view or copy of it is made ready.
        Raises GpuDocError.
        """
        from gpu_doc.execution.containers import sweep

        engine, image = self._engine(run.docker_host), self._image(run, known, note)
        limits, sentences = recipe.capped(run.limits, cpus=engine.facts.cpus, memory=engine.facts.memory)
        for sentence in sentences:
            note(f"{run.address}: {sentence}")
        if run.detach:
            self._detached.append(fingerprint)
        user = None if run.user == "image" else _user()
        visibility = self._visibility(run.docker_host, image)
        self._make_caches(run, visibility, user, note)
        shared_copies = self._shared_copies(run.docker_host, image)
        data = {} if visibility.sees_paths or not view else self._copied_data(run, shared_copies)
        return ContainerSetup(
            run=replace(run, limits=limits),
            fingerprint=fingerprint,
            image=image,
            runs_in=self._derived.get(image.id, image) if run.bootstrap else image,
            address=engine.address,
            visibility=visibility,
            lower=self._lower(run.docker_host, visibility, shared_copies, note) if user and view else None,
            data_volumes={**data, **(shared_copies.held if run.detach else {})},
            left_out=self._left_out(visibility),
            selinux=engine.facts.selinux,
            offer=engine.facts.offer,
            goes_on=run.detach and bool(sweep.detached(engine, self._who, fingerprint, self._layer)),
            layer=self._layer,
            root=self._root,
            checkout=self._checkout,
            user=user,
            environment={name: self._environ[name] for name in run.env if name in self._environ},
            secrets={name: self._environ[name] for name in run.secrets if name in self._environ},
            who=self._who,
            lock=self._runtime / "lock",
        )

    def busy(self) -> frozenset[str]:
        """The GPUs that containers on engines of ours hold, those of a gpu-doc that is gone too."""
        from gpu_doc.execution.containers import sweep

        found: frozenset[str] = frozenset()
        for engine in self._engines.values():
            with suppress(GpuDocError):
                found |= sweep.leased(engine)
        return found

    def offer(self, run: Run) -> Offer:
        """How a run's engine gives GPUs to containers. Raises EngineError."""
        return self._engine(run.docker_host).facts.offer

    def warn(self, text: str) -> None:
        """Say something once for all runs."""
        self._say(text)

    def host(self, run: Run) -> str:
        """The address of a run's engine, as a person knows it. Raises EngineError."""
        return run.docker_host or self._engine(run.docker_host).address["DOCKER_HOST"]

    def is_remote(self, run: Run) -> bool:
        """Whether a run's engine is on another machine. Raises EngineError."""
        return self._engine(run.docker_host).remote

    def look_for_gpus(self, run: Run) -> Mapping[str, Json]:
        """What a probe finds in a container that was given all GPUs of the run's engine.

        Raises GpuDocError: it can't start.
        """
        from gpu_doc.execution.containers.container import Container

        asked = replace(
            run, notebook=None, command=("true",), produces=(), detach=False, gpus="all", data=(), secrets=()
        )
        order = self.place(asked, "", lambda _: None, view=False).order((requests.ALL,))
        with Container(self._engine(run.docker_host), {**order, "checkout": None}) as container:
            return container.probed(order["job"])

    def close(self) -> None:
        """Remove what is left of our containers, and close all connections. An engine that is silent keeps nobody."""
        from gpu_doc.execution.containers import sweep

        for shared_copies in self._all_shared_copies.values():
            shared_copies.close()
        for host, engine in self._engines.items():
            try:
                left = sweep.remove_own(engine, self._runtime / "lock", self._detached, self._layer)
            except GpuDocError as error:
                left = (error.what,)
            if left:
                where = host or engine.address["DOCKER_HOST"]
                self._say(f"could not remove what runs left on {where}: {left[0]}; `gpu-doc clean` does it later")
        self._stack.close()

    def _engine(self, host: str | None) -> Engine:
        if host not in self._engines:
            from gpu_doc.execution.containers import sweep
            from gpu_doc.execution.containers.engine import connect

            folder = self._runtime / f"e{len(self._engines)}"
            folder.mkdir(exist_ok=True)
            self._engines[host] = self._stack.enter_context(connect(host, self._environ, folder))
            sweep.sweep(self._engines[host], who=self._who)
        return self._engines[host]

    def _ensure(self, run: Run, known: ImageIdentity | None, progress: Callable[[str], None]) -> Image:
        from gpu_doc.execution.containers.images import ensure

        assert run.image
        engine = self._engine(run.docker_host)
        return ensure(engine, run.image, pull=run.pull, known=known, progress=progress)

    def _bootstrapped(self, run: Run, image: Image, progress: Callable[[str], None]) -> Image:
        """The image, with ipykernel if it lacks it."""
        from gpu_doc.execution.containers import sweep
        from gpu_doc.execution.containers.bootstrap import bootstrapped

        engine, labels = self._engine(run.docker_host), sweep.labels(self._who, self._runtime / "lock", "build")
        return bootstrapped(engine, image, environ=self._environ, labels=labels, progress=progress)

    def _visibility(self, host: str | None, image: Image) -> Visibility:
        if host not in self._visibilities:
            from gpu_doc.execution.containers import sweep
            from gpu_doc.execution.containers.visibility import look

            labels = sweep.labels(self._who, self._runtime / "lock", "probe")
            self._visibilities[host] = look(
                self._engine(host), image.id, self._checkout, ours=self._config, uid=os.getuid(), labels=labels
            )
        return self._visibilities[host]

    def _image(self, run: Run, known: ImageIdentity | None, note: Callable[[str], None]) -> Image:
        """The image of a run, which is brought here if nobody asked for it before. Raises GpuDocError."""
        for (host, reference, _), image in self._images.items():
            if (host, reference) == (run.docker_host, run.image) and (known is None or known.same(image.identity)):
                return image
        self.prepare([(run, known)], note)
        if problem := self.problem(run, known):
            raise problem
        return self._images[_key(run, known)]

    def _shared_copies(self, host: str | None, image: Image) -> SharedCopies:
        if host not in self._all_shared_copies:
            from gpu_doc.execution.containers import sweep
            from gpu_doc.execution.containers.shared_copies import SharedCopies

            labels = sweep.labels(self._who, self._runtime / "lock", "run")
            self._all_shared_copies[host] = SharedCopies(self._engine(host), image.id, labels)
        return self._all_shared_copies[host]

    def _lower(
        self, host: str | None, visibility: Visibility, shared_copies: SharedCopies, note: Callable[[str], None]
    ) -> str | None:
        """What runs see through a copy-on-write view: the checkout, else a copy of it; None where nothing can be."""
        if visibility.overlays:
            return str(self._checkout)
        if host not in self._lowers:
            from gpu_doc.execution.containers.workspace import Parcel

            parcel = Parcel(user=_user(), agent=False, checkout=self._checkout, left_out=self._left_out(visibility))
            begin = time.monotonic()
            lower = shared_copies.checkout(parcel)
            if (seconds := time.monotonic() - begin) > _WORTH_A_WORD:
                note(f"copied the checkout to the engine in {seconds:.0f} s; `gpu-doc doctor` says why")
            self._lowers[host] = lower if shared_copies.overlays(self._config.relative_to(self._checkout)) else None
        return self._lowers[host]

    def _left_out(self, visibility: Visibility) -> frozenset[str]:
        """Data within the checkout that every run declares: it is mounted, so that it need not be copied."""
        common = frozenset.intersection(*self._data) if self._data and visibility.sees_paths else frozenset[Path]()
        return frozenset(p.relative_to(self._checkout).as_posix() for p in common if p.is_relative_to(self._checkout))

    def _copied_data(self, run: Run, shared_copies: SharedCopies) -> dict[str, str]:
        """Volumes with copies of data that lies outside of the checkout, by the path at which they stand."""
        paths = [Path(os.path.normpath(self._root / source.path)) for source in run.data]
        outside = [path for path in paths if path.exists() and not path.is_relative_to(self._checkout)]
        return {str(path): shared_copies.data(path, str(path)) for path in outside}

    def _make_caches(
        self, run: Run, visibility: Visibility, user: tuple[int, int] | None, note: Callable[[str], None]
    ) -> None:
        """See to it that the run's user can write to its caches."""
        for path in map(Path, run.caches.values()) if visibility.same_ids else ():
            if not path.exists():
                path.mkdir(parents=True)
                if user and os.getuid() == 0:
                    os.chown(path, *user)
            elif user and os.getuid() == 0 and path.stat().st_uid != user[0]:
                note(f"{run.address}: the cache {path} may not be writable in the container: chown {user[0]} {path}")


def _key(run: Run, known: ImageIdentity | None) -> _Key:
    return run.docker_host, str(run.image), known


def _user() -> tuple[int, int]:
    """The user and group of runs: the runner's own, and an unprivileged one where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED, UNPRIVILEGED)
