"""Checks the images of runs: starts each as a run would, until its kernel is found. Pulls nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu_doc.doctor.finding import Finding, failure, missing, ok, warning
from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.agent import facts as found
from gpu_doc.execution.agent.kernel_names import is_any_python
from gpu_doc.execution.agent.messages import Probe
from gpu_doc.execution.agent.outcomes import NoIpykernel, NoKernel, NoStart
from gpu_doc.execution.containers import image_answers, recipe
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.containers.order import Order
from gpu_doc.execution.containers.origin import may_be_a_registrys, offered
from gpu_doc.execution.containers.reference import repository
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.requests import device_requests
from gpu_doc.execution.runs import notebook_failure
from gpu_doc.execution.runs.container_setup import user_of
from gpu_doc.execution.workers.guard import Facts
from gpu_doc.execution.workers.run_ends import KernelRefused, NoPython, RunEnd
from gpu_doc.model.configuration import Run
from gpu_doc.notebooks.cells import kernel_name
from gpu_doc.text.units import readable_size

Refusal = NoKernel | NoIpykernel | NoStart


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
        end: RunEnd
        try:
            said = self.greeting(run, image)
        except NoPythonError as error:
            end = NoPython(image=image.reference, said=error.details)
        except GpuDocError as error:
            return failure("image", error, subject=image.reference)
        else:
            self.startable.add(image.reference)
            if isinstance(said, Probe):
                return ok("image", f"{self._described(image)}; {_python(run, said.facts)}")
            if isinstance(said, NoIpykernel) and run.bootstrap:
                says = f"Python {said.version}, ipykernel is put into a copy of it once (bootstrap)"
                return ok("image", f"{self._described(image)}; {says}")
            end = KernelRefused(why=said, image=image.reference)
        why = notebook_failure.of_notebook(run, Facts(done=end), "")
        assert why
        return failure("image", why, subject=image.reference)

    def _described(self, image: Image) -> str:
        with sentences():
            size = image_answers.size(self.engine.client.api.inspect_image(image.id))
        return f"{image.reference}, {readable_size(size)}, {_short(image.identity.digest)}"

    def greeting(self, run: Run, image: Image, gpus: Sequence[Gpu] = ()) -> Probe | Refusal:
        """Start a run's agent in an image, and return its first event: what it finds, or why there is no kernel.

        Raises GpuDocError if it can't be started, or ends without an event.
        """
        facts = self.engine.facts
        requests = device_requests(gpus, run.gpu_driver, facts.offer)
        user = user_of(run)
        # Like a run's container, but without the run's files and command.
        limits, _ = recipe.capped(run.limits, cpus=facts.cpus, memory=facts.memory)
        run = replace(run, command=("true",) if run.command else None, limits=limits, detach=False, caches={})
        setting = recipe.Setting(image=image.id, user=user, devices=tuple(requests), labels=self.labels)
        order = Order(
            engine=self.engine.address,
            reference=image.reference,
            create=recipe.payload(run, setting, "/"),
            job=recipe.agent_job(run, ["/", "/"], {}),
            user=user,
            image_user=image.user,
        )
        complaints: list[bytes] = []
        with Container(self.engine, order) as container:
            stream = container.start(complaints.append)
            assert stream
            with closing(stream):
                for heard in stream.heard():
                    if isinstance(heard, Probe | NoKernel | NoIpykernel | NoStart):
                        return heard
        said = b"".join(complaints).decode("utf-8", "replace")
        raise MachineError("its container ended before anything could start in it", details=said)


def _short(digest: str) -> str:
    """Return the first part of a digest, which is enough for people."""
    return f"sha256:{digest.rpartition(':')[2][:12]}"


def _python(run: Run, facts: found.Facts) -> str:
    """Describe a container's Python and its kernel for a run."""
    kernel = facts["packages"].get("ipykernel")
    if not run.notebook:
        return f"Python {facts['python']}"
    if run.kernel:
        return f"Python {facts['python']}, kernel {run.kernel}"
    return f"Python {facts['python']} with ipykernel {kernel or 'of an unknown version'}"
