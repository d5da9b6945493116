"""Prepares containers for the runs of a refresh; execute.py runs them. Imports Docker's SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers import recipe
from gpu_doc.execution.containers.container import Container
from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.gpus import requests
from gpu_doc.execution.gpus.offer import Offer
from gpu_doc.execution.runs.container_setup import ContainerSetup, user_of
from gpu_doc.execution.runs.engines import Engines
from gpu_doc.execution.runs.run_images import RunImages
from gpu_doc.execution.runs.views import Views
from gpu_doc.model.configuration import ImageIdentity, Run
from gpu_doc.model.values import Json


class Docker:
    """What the runs of a refresh share: connections, images, facts about engines."""

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
        """`config` is the configuration file: an engine that sees it sees our paths. `runtime` is a private folder.

        `layer` is the layer of state for results (see record/state.py): other layers don't collect its detached
        commands. `say` prints warnings at the end.
        """
        self._environ = environ
        self._root = root
        self._checkout = checkout
        self._say = say
        self._layer = layer
        self._engines = Engines(environ, runtime, layer)
        self._images = RunImages(self._engines, environ)
        self._views = Views(self._engines, root=root, checkout=checkout, config=config)
        self._detached: list[str] = []

    def __enter__(self) -> Docker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self, runs: Iterable[tuple[Run, ImageIdentity | None]], progress: Callable[[str], None]) -> None:
        """Find or pull the image of each run, given the one in evidence that it should keep. See `problem`."""
        for run, known in runs:
            self._views.expect(run)
            self._images.prepare(run, known, progress)

    def problem(self, run: Run, known: ImageIdentity | None = None) -> GpuDocError | None:
        """Return why a run can't have its image; None if it can."""
        return self._images.problem(run, known)

    def identity(self, run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        """Return a run's image; None if it was not prepared."""
        return self._images.identity(run, known)

    def place(
        self,
        run: Run,
        fingerprint: str,
        note: Callable[[str], None],
        *,
        known: ImageIdentity | None = None,
        view: bool = True,
        only: frozenset[str] | None = None,
    ) -> ContainerSetup:
        """Return the setup of a run's container with this image. `only`: what it sees of the checkout; None: all.

        Without `view`, the workspace is the checkout itself: no view or copy of it is prepared.
        Raises GpuDocError.
        """
        engine, image = self._engines.at(run.docker_host), self._image(run, known, note)
        limits, sentences = recipe.capped(run.limits, cpus=engine.facts.cpus, memory=engine.facts.memory)
        for sentence in sentences:
            note(f"{run.address}: {sentence}")
        if run.detach:
            self._detached.append(fingerprint)
        seen = self._views.of(run, image, user_of(run), note, view=view)
        return ContainerSetup(
            run=replace(run, limits=limits),
            fingerprint=fingerprint,
            image=image,
            runs_in=self._images.with_kernel(run, image),
            address=engine.address,
            visibility=seen.visibility,
            lower=seen.lower,
            only=only,
            data_volumes=seen.volumes,
            left_out=seen.left_out,
            selinux=engine.facts.selinux,
            offer=engine.facts.offer,
            goes_on=run.detach and self._engines.goes_on(run.docker_host, fingerprint),
            layer=self._layer,
            root=self._root,
            checkout=self._checkout,
            user=user_of(run),
            environment={name: self._environ[name] for name in run.env if name in self._environ},
            secrets={name: self._environ[name] for name in run.secrets if name in self._environ},
            who=self._engines.who,
            lock=self._engines.lock,
        )

    def busy(self) -> frozenset[str]:
        """The GPUs that containers on our engines hold, also those of a gpu-doc that is gone."""
        return self._engines.busy()

    def offer(self, run: Run) -> Offer:
        """Return how a run's engine gives GPUs to containers. Raises EngineError."""
        return self._engines.at(run.docker_host).facts.offer

    def warn(self, text: str) -> None:
        """Warn once for all runs."""
        self._say(text)

    def host(self, run: Run) -> str:
        """The address of a run's engine, for people. Raises EngineError."""
        return run.docker_host or self._engines.at(run.docker_host).address["DOCKER_HOST"]

    def is_remote(self, run: Run) -> bool:
        """Whether a run's engine is on another machine. Raises EngineError."""
        return self._engines.at(run.docker_host).remote

    def look_for_gpus(self, run: Run) -> Mapping[str, Json]:
        """Return what a probe finds in a container that has all GPUs of the run's engine.

        Raises GpuDocError if it can't start.
        """
        asked = replace(
            run, notebook=None, command=("true",), produces=(), detach=False, gpus="all", data=(), secrets=()
        )
        order = self.place(asked, "", lambda _: None, view=False).order((requests.ALL,))
        with Container(self._engines.at(run.docker_host), replace(order, checkout=None)) as container:
            return container.probed() or {}

    def close(self) -> None:
        """Remove the rest of our containers, and close all connections. Does not wait for a silent engine."""
        self._views.close()
        for sentence in self._engines.clear(self._detached):
            self._say(sentence)
        self._engines.close()

    def _image(self, run: Run, known: ImageIdentity | None, note: Callable[[str], None]) -> Image:
        """Return a run's image; prepare it if that was not done. Raises GpuDocError."""
        if found := self._images.found(run, known):
            return found
        self.prepare([(run, known)], note)
        return self._images.prepared(run, known)
