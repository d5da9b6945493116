"""What runs in containers need: engines, images, kernels in those, GPUs. All is tried, but nothing is pulled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.model import Config, Json, Run
from gpu_doc.outside.containers import address, images, recipe, sight, sweep, workspace
from gpu_doc.outside.containers.container import Container, NoPythonError
from gpu_doc.outside.containers.engine import Engine, connect, sentences
from gpu_doc.outside.containers.failures import EngineError
from gpu_doc.outside.containers.images import Image
from gpu_doc.outside.containers.reference import repository
from gpu_doc.outside.containers.sight import Sight
from gpu_doc.outside.gpus.inventory import Inventory, inventory, of_facts
from gpu_doc.outside.gpus.requests import device_requests
from gpu_doc.outside.inside.frames import EVENT
from gpu_doc.outside.kernel import Facts
from gpu_doc.outside.kernel_output import readable_size
from gpu_doc.stages.examining.finding import Finding, failure, free_space, missing, ok, warning
from gpu_doc.stages.executing import devices
from gpu_doc.stages.executing import failure as failures
from gpu_doc.stages.executing.docker import UNPRIVILEGED

ROOMY = 10 << 30
"""Bytes on the engine's disk below which we warn: an image with CUDA and a framework takes about as much."""

_MUCH = 1 << 30
"""Bytes of a checkout whose copying is worth a warning."""

_PATIENCE = 2.0
"""Seconds that counting the bytes of a checkout may take."""


def examine(config: Config, checkout: Path, environ: Mapping[str, str], runtime: Path) -> Iterator[Finding]:
    """Look at every engine that the configuration's runs use, and at all that they need there.

    `runtime` is a private folder with a short path.
    """
    runs = [run for report in config.reports for run in report.runs if run.image]
    for number, host in enumerate(dict.fromkeys(run.docker_host for run in runs)):
        folder = runtime / f"e{number}"
        folder.mkdir()
        try:
            with connect(host, environ, folder) as engine:
                name = address.find(host, environ).host
                mine = [run for run in runs if run.docker_host == host]
                yield from dict.fromkeys(
                    _Examination(engine, name, mine, config, checkout, environ, runtime).findings()
                )
        except GpuDocError as error:
            yield failure("Docker", error)


def not_needed(environ: Mapping[str, str], runtime: Path) -> Finding:
    """Return what there is, where no run has an image."""
    try:
        with connect(None, environ, runtime) as engine:
            there = f"engine {engine.facts.version} at {address.find(None, environ).host}"
    except GpuDocError as error:
        there = error.what
    return ok("Docker", f"not needed, since no run has an image; {there}")


@dataclass
class _Examination:
    """One engine, and the runs that happen there."""

    engine: Engine
    name: str
    runs: Sequence[Run]
    config: Config
    checkout: Path
    environ: Mapping[str, str]
    runtime: Path
    images: dict[str, Image] = field(default_factory=dict)
    """Those that are on the engine, by their reference."""
    startable: set[str] = field(default_factory=set)
    """Those that have a Python that runs can start."""

    def findings(self) -> Iterator[Finding]:
        """Look at everything. Raises EngineError: the engine went away meanwhile."""
        references = list(dict.fromkeys(str(run.image) for run in self.runs))
        for reference in references:
            if image := images.find(self.engine, reference):
                self.images[reference] = image
        seen = self._look()
        yield self._engine(seen)
        yield from self._limits()
        kept = Path(self.engine.facts.folder)
        if seen and seen.sees_paths and kept.is_dir():
            use, remedy = ", where the engine keeps images", "Free some: `docker system df` shows what takes it."
            yield free_space("disk", kept, ROOMY, remedy, use=use)
        for reference in references:
            yield from self._image(reference)
        yield from self._gpus()

    # --- the engine --------------------------------------------------------------------------------------------------

    def _look(self) -> Sight | None:
        """Find out what the engine sees of this machine; that takes an image, whichever it is."""
        for image in self.images.values():
            marks = self._labels
            return sight.look(
                self.engine, image.id, self.checkout, ours=self.config.path, uid=os.getuid(), labels=marks
            )
        return sight.BLIND if self.engine.remote else None

    def _engine(self, seen: Sight | None) -> Finding:
        facts = self.engine.facts
        kind = ", rootless" * facts.rootless + ", user ids remapped" * facts.remapped
        gpus = {", GPUs by CDI": facts.cdi, ", GPUs by NVIDIA's runtime": facts.nvidia}
        says = f"engine {facts.version} at {self.name}{kind}{''.join(word for word, there in gpus.items() if there)}"
        if seen is None:
            return ok("Docker", says)
        if seen.overlays:
            return ok("Docker", f"{says}; runs see the checkout through a copy-on-write view")
        size, whole = workspace.size(self._copied(seen), _PATIENCE)
        about = f"{'about' if whole else 'more than'} {readable_size(size)}"
        what = "the checkout" if seen.sees_paths else "the checkout and data"
        why, remedy = self._reason(seen)
        says = f"{says}; {what} ({about}) is copied to it once in a refresh, since {why}"
        return warning("Docker", says, remedy) if size > _MUCH else ok("Docker", says)

    def _copied(self, seen: Sight) -> workspace.Parcel:
        """Return what runs need copied: data only where it can't be mounted."""
        data = [frozenset(os.path.normpath(self.config.root / each.path) for each in run.data) for run in self.runs]
        outside = [Path(path) for path in frozenset().union(*data) if not Path(path).is_relative_to(self.checkout)]
        mounted = [path for path in map(Path, frozenset.intersection(*data)) if path.is_relative_to(self.checkout)]
        left_out = [path.relative_to(self.checkout).as_posix() for path in mounted] if seen.sees_paths else []
        copies = () if seen.sees_paths else tuple((path, str(path)) for path in outside)
        return workspace.Parcel(
            user=(0, 0), texts={}, checkout=self.checkout, left_out=frozenset(left_out), copies=copies
        )

    def _reason(self, seen: Sight) -> tuple[str, str]:
        """Say why nothing but a copy will do, and what would make it unnecessary or cheap."""
        facts, owner = self.engine.facts, self.checkout.stat().st_uid
        less = "Keep what runs don't read out of the checkout; what all of them read can be named in `data`."
        if not seen.sees_paths:
            far = "the engine is on another machine" if self.engine.remote else "the engine does not see our files"
            return far, "Keep what runs don't read out of the checkout."
        if facts.rootless or facts.remapped:
            return "in its containers user ids are other ones", less
        if os.getuid() == 0:
            return "gpu-doc runs as root, and runs do not", f"Run gpu-doc as the checkout's owner, not root. {less}"
        if owner != os.getuid():
            return "it belongs to another user", f"Run gpu-doc as its owner. {less}"
        return "the engine can lay no copy-on-write view over it", less

    def _limits(self) -> Iterator[Finding]:
        """Tell limits that the engine's machine can't give, and those that nothing would hold there."""
        facts = self.engine.facts
        lower = "Lower it in gpu-doc.yml, or name an engine with more: docker-host."
        capped = {
            sentence: run.address
            for run in reversed(self.runs)
            for sentence in recipe.capped(run.limits, cpus=facts.cpus, memory=facts.memory)[1]
        }
        yield from (warning("limits", f"{address}: {sentence}", lower) for sentence, address in capped.items())
        written = frozenset[str]().union(*(run.limits.written for run in self.runs))
        if loose := sorted(written & {"memory", "cpus", "processes"} - facts.limits):
            says = f"the engine can't hold {', '.join(loose)}: it has no control groups for that"
            remedy = "Rootless engines need cgroup v2: https://rootlesscontaine.rs/getting-started/common/cgroup2/"
            yield warning("limits", says, remedy)

    # --- images ------------------------------------------------------------------------------------------------------

    def _image(self, reference: str) -> Iterator[Finding]:
        users = [run for run in self.runs if run.image == reference]
        if reference not in self.images:
            yield self._absent(reference, users)
            return
        notebooks = [run for run in users if run.notebook]
        # An image whose kernel starts can start a command, too.
        alike = {(run.kernel or "", run.user): run for run in notebooks}
        alike |= {("", run.user): run for run in users if run.user not in {each.user for each in notebooks}}
        for run in alike.values():
            yield self._tried(run, self.images[reference])

    def _absent(self, reference: str, users: Sequence[Run]) -> Finding:
        pull = (
            f"docker pull {reference}" if self.name.startswith("unix://") else f"docker -H {self.name} pull {reference}"
        )
        if all(run.pull == "never" for run in users):
            says = f"{reference} is not on the engine, and `pull: never` forbids to pull it"
            return missing("image", says, f"{pull} - or `pull: missing`")
        says = f"{reference} is not on the engine, and comes from {repository(reference)}"
        try:
            digest = images.offered(self.engine, reference)
        except EngineError as error:
            if error.cause == "settings":  # Podman can't be asked
                return warning("image", f"{says}, when a run needs it", pull)
            return failure("image", error, subject=says)
        return warning("image", f"{says} ({_short(digest)}), when a run needs it", f"To try its kernel now: {pull}")

    def _tried(self, run: Run, image: Image) -> Finding:
        """Start an image as a run would, as far as finding its kernel."""
        try:
            said = self._greeting(run, image)
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
        why = failures.of_notebook(run, Facts(done={**said, "image": image.reference}), "")
        assert why
        return failure("image", why, subject=image.reference)

    def _described(self, image: Image) -> str:
        with sentences():
            size = self.engine.client.api.inspect_image(image.id)["Size"]
        return f"{image.reference}, {readable_size(size)}, {_short(image.digest)}"

    def _greeting(self, run: Run, image: Image, gpus: Sequence[str] = ()) -> Mapping[str, Json]:
        """Start the agent of a run in an image, and return what it says first: `probe` with its facts, or `refused`.

        Raises GpuDocError: it can't be started, or ends without a word.
        """
        facts = self.engine.facts
        requests = device_requests(gpus, run.gpu_driver, nvidia=facts.nvidia, cdi=facts.cdi)
        user = None if run.user == "image" else (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED,) * 2
        # As it will be, but for what is the run's own: its files, its command.
        limits, _ = recipe.capped(run.limits, cpus=facts.cpus, memory=facts.memory)
        run = replace(run, command=("true",) if run.command else None, limits=limits, detach=False, caches={})
        setting = recipe.Setting(image=image.id, user=user, devices=tuple(requests), labels=self._labels)
        order: dict[str, Json] = {
            "reference": image.reference,
            "create": recipe.payload(run, setting, "/"),
            "user": user,
            "image-user": image.user,
            "overlay": None,
            "checkout": None,
            "left-out": [],
            "copies": [],
            "own-folders": [],
        }
        complaints: list[bytes] = []
        with Container(self.engine, order) as container:
            stream = container.start(recipe.agent_job(run, ["/", "/"]), complaints.append)
            assert stream
            with closing(stream):
                for kind, _, payload in stream.frames():
                    if kind == EVENT:
                        return dict(json.loads(payload))
        said = b"".join(complaints).decode("utf-8", "replace")
        raise MachineError("its container ended before anything could start in it", details=said)

    @property
    def _labels(self) -> Mapping[str, str]:
        return sweep.labels(sweep.owner(), self.runtime / "lock", "probe")

    # --- GPUs --------------------------------------------------------------------------------------------------------

    def _gpus(self) -> Iterator[Finding]:
        """Judge whether runs get the GPUs that they ask for, by what a container with all of them finds."""
        runs = [run for run in self.runs if run.gpus != "none"]
        asking = any(run.requires or run.gpus != "auto" for run in runs)
        here = Inventory() if self.engine.remote else inventory(self.environ)
        able = self.engine.facts.nvidia or self.engine.facts.cdi
        if not runs or not (asking or here.gpus or able):
            return
        facts: Mapping[str, Json] | None = None
        if trial := next((run for run in runs if run.image in self.startable), None):
            try:
                facts = self._shown(trial, here)
            except GpuDocError as error:
                if asking or here.gpus:
                    yield failure("GPU", error, subject="in containers")
                return
        yield from _judged(runs, here, facts)

    def _shown(self, run: Run, here: Inventory) -> Mapping[str, Json]:
        """Return what a container with all GPUs of `here`, or else of the engine, finds. Raises GpuDocError."""
        run = replace(run, notebook=None, command=("true",))
        said = self._greeting(run, self.images[str(run.image)], [gpu.id for gpu in here.gpus] or ["all"])
        facts: Mapping[str, Json] = said["facts"]
        return facts


def _judged(runs: Sequence[Run], here: Inventory, facts: Mapping[str, Json] | None) -> Iterator[Finding]:
    """Say of each run whether its GPUs are there. `facts` are what a container found, None where none could start."""
    found = of_facts(facts) if facts else here
    lacking = False
    for run in runs:
        try:
            choice = devices.choose(run, here if here.gpus else found)
            names = [gpu.id for gpu in choice.gpus[: choice.count]]
            if facts and names and (error := devices.check(run, names, facts)):
                raise error
        except MachineError as error:
            lacking = True
            yield failure("GPU", error, subject=f"{run.report}: {run.address}")
    if facts and found.gpus and not lacking:
        yield ok("GPU", f"containers get {', '.join(map(str, found.gpus))}")


def _short(digest: str) -> str:
    """Return as much of a digest as people compare."""
    return f"sha256:{digest.rpartition(':')[2][:12]}"


def _python(run: Run, facts: Mapping[str, Json]) -> str:
    """Say what a container's Python has for a run."""
    kernel = facts["packages"].get("ipykernel")
    if not run.notebook:
        return f"Python {facts['python']}"
    if run.kernel not in (None, "python", "python3"):
        return f"Python {facts['python']}, kernel {run.kernel}"
    return f"Python {facts['python']} with ipykernel {kernel or 'of an unknown version'}"
