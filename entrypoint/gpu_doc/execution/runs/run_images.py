"""The images that runs are executed in: each is brought to its engine once, with a kernel where it is to get one."""

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
"""Engine, image as written, and the image in evidence that a run stays on."""


class RunImages:
    """Images by who needs them, and why those can't be had that can't."""

    def __init__(self, engines: Engines, environ: Mapping[str, str]) -> None:
        self._engines = engines
        self._environ = environ
        self._images: dict[_Key, Image] = {}
        self._derived: dict[str, Image] = {}
        """Those with ipykernel, by the image that lacks it."""
        self._problems: dict[_Key, GpuDocError] = {}

    def prepare(self, run: Run, known: ImageIdentity | None, progress: Callable[[str], None]) -> None:
        """Have a run's image, with the one in evidence that it should stay on; see `problem`."""
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
        """Why a run can't have its image, if it can't."""
        return self._problems.get(_key(run, known))

    def identity(self, run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        """Which image a run has; None where `prepare` was not asked for it."""
        image = self._images.get(_key(run, known))
        return image.identity if image else None

    def found(self, run: Run, known: ImageIdentity | None) -> Image | None:
        """An image that is here, of this name and the same as the one in evidence, whoever asked for it."""
        for (host, reference, _), image in self._images.items():
            if (host, reference) == (run.docker_host, run.image) and (known is None or known.same(image.identity)):
                return image
        return None

    def prepared(self, run: Run, known: ImageIdentity | None) -> Image:
        """The image that `prepare` was asked for. Raises GpuDocError: the run can't have it."""
        if problem := self.problem(run, known):
            raise problem
        return self._images[_key(run, known)]

    def with_kernel(self, run: Run, image: Image) -> Image:
        """The image that a run is executed in: its own, or the one derived from it that has ipykernel."""
        return self._derived.get(image.id, image) if run.bootstrap else image

    def _ensure(self, run: Run, known: ImageIdentity | None, progress: Callable[[str], None]) -> Image:
        assert run.image
        engine = self._engines.at(run.docker_host)
        return ensure(engine, run.image, pull=run.pull, known=known, progress=progress)

    def _bootstrapped(self, run: Run, image: Image, progress: Callable[[str], None]) -> Image:
        """The image, with ipykernel if it lacks it."""
        engine, labels = self._engines.at(run.docker_host), self._engines.labels("build")
        return bootstrapped(engine, image, environ=self._environ, labels=labels, progress=progress)


def _key(run: Run, known: ImageIdentity | None) -> _Key:
    return run.docker_host, str(run.image), known
