"""Prepares the images of runs: each once per engine, with ipykernel added if `bootstrap` says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers.bootstrap import bootstrapped
from gpu_doc.execution.containers.images import Image, ensure
from gpu_doc.execution.runs.engines import Engines
from gpu_doc.execution.runs.retries import patiently
from gpu_doc.model.configuration import ImageIdentity, Run

_Key = tuple[str | None, str, ImageIdentity | None]
"""Engine, image as written, and the image in evidence that a run keeps."""


class RunImages:
    """The images of runs, or why they are not available."""

    def __init__(self, engines: Engines, environ: Mapping[str, str]) -> None:
        self._engines = engines
        self._environ = environ
        self._images: dict[_Key, Image] = {}
        self._derived: dict[str, Image] = {}
        """Copies with ipykernel, by the image that lacks it."""
        self._problems: dict[_Key, GpuDocError] = {}

    def prepare(self, run: Run, known: ImageIdentity | None, progress: Callable[[str], None]) -> None:
        """Find or pull a run's image, given the one in evidence that it should keep; see `problem`."""
        key = _key(run, known)
        if key in self._problems:
            return
        try:
            image = self._images[key] = self._images.get(key) or patiently(
                run, partial(self._ensure, run, known, progress), progress
            )
            if run.bootstrap and run.notebook and image.id not in self._derived:
                self._derived[image.id] = self._bootstrapped(run, image, progress)
        except GpuDocError as error:
            if not error.where:
                error.locate(str(run.image))
            self._problems[key] = error

    def problem(self, run: Run, known: ImageIdentity | None) -> GpuDocError | None:
        """Return why a run can't have its image; None if it can."""
        return self._problems.get(_key(run, known))

    def identity(self, run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        """Return a run's image; None if it was not prepared."""
        image = self._images.get(_key(run, known))
        return image.identity if image else None

    def found(self, run: Run, known: ImageIdentity | None) -> Image | None:
        """Return a prepared image of this name that is the same as in evidence, for whichever run it was prepared."""
        for (host, reference, _), image in self._images.items():
            if (host, reference) == (run.docker_host, run.image) and (known is None or known.same(image.identity)):
                return image
        return None

    def prepared(self, run: Run, known: ImageIdentity | None) -> Image:
        """Return the prepared image. Raises GpuDocError if the run can't have it."""
        if problem := self.problem(run, known):
            raise problem
        return self._images[_key(run, known)]

    def with_kernel(self, run: Run, image: Image) -> Image:
        """Return the image to execute a run in: its own, or its copy with ipykernel."""
        return self._derived.get(image.id, image) if run.bootstrap else image

    def _ensure(self, run: Run, known: ImageIdentity | None, progress: Callable[[str], None]) -> Image:
        assert run.image
        engine = self._engines.at(run.docker_host)
        return ensure(engine, run.image, pull=run.pull, known=known, progress=progress)

    def _bootstrapped(self, run: Run, image: Image, progress: Callable[[str], None]) -> Image:
        """Return the image, or its copy with ipykernel if it lacks it."""
        engine, labels = self._engines.at(run.docker_host), self._engines.labels("build")
        return bootstrapped(engine, image, environ=self._environ, labels=labels, progress=progress)


def _key(run: Run, known: ImageIdentity | None) -> _Key:
    return run.docker_host, str(run.image), known
