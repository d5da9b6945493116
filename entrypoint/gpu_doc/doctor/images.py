"""Checks the images of runs: starts each as a run would, until its kernel is found. Pulls nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu_doc.doctor.finding import Finding, failure, missing, ok, warning
from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.agent.frames import EVENT
from gpu_doc.execution.agent.kernel_names import is_any_python
from gpu_doc.execution.containers import image_answers, recipe
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.events import is_event
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.containers.origin import may_be_a_registrys, offered
from gpu_doc.execution.containers.reference import repository
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.requests import device_requests
from gpu_doc.execution.runs import notebook_failure
from gpu_doc.execution.runs.container_setup import user_of
from gpu_doc.execution.workers.guard import Facts
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import kernel_name
from gpu_doc.text.units import readable_size


@dataclass
class Images:
    """The images on one engine."""

    engine: Engine
    name: str
    """The engine's address."""
    root: Path
    labels: Mapping[str, str]
    """Labels for the containers that are started."""
    here: Mapping[str, Image]
    """The images that the engine has, by reference."""
    startable: set[str] = field(default_factory=set)
    """The images with a Python that runs can start."""

    def look(self, reference: str, users: Sequence[Run]) -> Iterator[Finding]:
        """Check an image for each of the runs that use it."""
        if reference not in self.here:
            yield self._absent(reference, users)
            return
        if any(run.pull == "always" for run in users):
            yield from self._pulled_again(self.here[reference])
        notebooks = [replace(run, kernel=self._kernel(run)) for run in users if run.notebook]
        # If an image's kernel starts, a command can start too.
        alike = {(run.kernel, run.user): run for run in notebooks}
        alike |= {("", run.user): run for run in users if run.user not in {each.user for each in notebooks}}
        for run in alike.values():
            yield self._tried(run, self.here[reference])

    def _kernel(self, run: Run) -> str:
        """Return the kernel that a run's notebook gets, empty for the image's own Python."""
        name = run.kernel or ""
        with suppress(GpuDocError):  # `plan` and `run` report a notebook that can't be read
            name = name or kernel_name(self.root / str(run.notebook))
        return "" if is_any_python(name) else name

    def _absent(self, reference: str, users: Sequence[Run]) -> Finding:
        pull = (
            f"docker pull {reference}" if self.name.startswith("unix://") else f"docker -H {self.name} pull {reference}"
        )
        if all(run.pull == "never" for run in users):
            says = f"{reference} is not on the engine, and `pull: never` forbids to pull it"
            return missing("image", says, f"{pull} - or `pull: missing`")
        says = f"{reference} is not on the engine, and comes from {repository(reference)}"
        try:
            digest = offered(self.engine, reference)
        except EngineError as error:
            return failure("image", error, subject=says)
        which = f" ({_short(digest)})" if digest else ""
        return warning("image", f"{says}{which}, when a run needs it", f"To try its kernel now: {pull}")

    def _pulled_again(self, image: Image) -> Iterator[Finding]:
        """Check whether a local image could be pulled again."""
        try:
            offered(self.engine, image.reference)
        except EngineError as error:
            if may_be_a_registrys(image.reference, image.identity, image.choices, None, error):
                yield failure("image", error, subject=f"`pull: always` of {image.reference}")
            else:
                yield ok("image", f"{image.reference} was built here: `pull: always` takes it as it is")

    def _tried(self, run: Run, image: Image) -> Finding:
        """Start an image as a run would, until its kernel is found."""
        try:
            said = self.greeting(run, image)
        except NoPythonError as error:
            said = {"event": "refused", "outcome": "no python", "said": error.details}
        except GpuDocError as error:
            return failure("image", error, subject=image.reference)
        if said.get("outcome") != "no python":
            self.startable.add(image.reference)
        if said["event"] == "probe":
            return ok("image", f"{self._described(image)}; {_python(run, said['facts'])}")
        if said["outcome"] == "no ipykernel" and run.bootstrap:
            says = f"Python {said['version']}, ipykernel is put into a copy of it once (bootstrap)"
            return ok("image", f"{self._described(image)}; {says}")
        why = notebook_failure.of_notebook(run, Facts(done={**said, "image": image.reference}), "")
        assert why
        return failure("image", why, subject=image.reference)

    def _described(self, image: Image) -> str:
        with sentences():
            size = image_answers.size(self.engine.client.api.inspect_image(image.id))
        return f"{image.reference}, {readable_size(size)}, {_short(image.identity.digest)}"

    def greeting(self, run: Run, image: Image, gpus: Sequence[Gpu] = ()) -> Mapping[str, Json]:
        """Start a run's agent in an image, and return its first event: `probe` with its facts, or `refused`.

        Raises GpuDocError if it can't be started, or ends without an event.
        """
        facts = self.engine.facts
        requests = device_requests(gpus, run.gpu_driver, facts.offer)
        user = user_of(run)
        # Like a run's container, but without the run's files and command.
        limits, _ = recipe.capped(run.limits, cpus=facts.cpus, memory=facts.memory)
        run = replace(run, command=("true",) if run.command else None, limits=limits, detach=False, caches={})
        setting = recipe.Setting(image=image.id, user=user, devices=tuple(requests), labels=self.labels)
        order: dict[str, Json] = {
            "reference": image.reference,
            "create": recipe.payload(run, setting, "/"),
            "user": user,
            "image-user": image.user,
            "overlay": None,
            "checkout": None,
            "left-out": [],
            "own-folders": [],
        }
        complaints: list[bytes] = []
        with Container(self.engine, order) as container:
            stream = container.start(recipe.agent_job(run, ["/", "/"]), complaints.append)
            assert stream
            with closing(stream):
                for kind, _, payload in stream.frames():
                    if kind == EVENT and is_event(payload):
                        return dict(json.loads(payload))
        said = b"".join(complaints).decode("utf-8", "replace")
        raise MachineError("its container ended before anything could start in it", details=said)


def _short(digest: str) -> str:
    """Return the first part of a digest, which is enough for people."""
    return f"sha256:{digest.rpartition(':')[2][:12]}"


def _python(run: Run, facts: Mapping[str, Json]) -> str:
    """Describe a container's Python and its kernel for a run."""
    kernel = facts["packages"].get("ipykernel")
    if not run.notebook:
        return f"Python {facts['python']}"
    if run.kernel:
        return f"Python {facts['python']}, kernel {run.kernel}"
    return f"Python {facts['python']} with ipykernel {kernel or 'of an unknown version'}"
