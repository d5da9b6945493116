"""Checks the engines for runs in containers, and all that runs need there. Tries everything, but pulls nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.doctor import gpus
from gpu_doc.doctor.finding import Finding, failure, free_space, ok, warning
from gpu_doc.doctor.images import Images
from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers import address, recipe, sweep, visibility, workspace
from gpu_doc.execution.containers.engine import Engine, connect
from gpu_doc.execution.containers.images import find
from gpu_doc.execution.containers.visibility import Visibility
from gpu_doc.model.configuration import Config, Run
from gpu_doc.text.units import readable_size

ROOMY = 10 << 30
"""Warn below so many free bytes on the engine's disk: an image with CUDA and a framework takes about as much."""

_MUCH = 1 << 30
"""Warn if a checkout to copy has more bytes."""

_PATIENCE = 2.0
"""Seconds that counting the bytes of a checkout may take."""


def examine(config: Config, checkout: Path, environ: Mapping[str, str], runtime: Path) -> Iterator[Finding]:
    """Check every engine that the configuration's runs use, and all that they need there.

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
    """Return the finding if no run has an image."""
    try:
        with connect(None, environ, runtime) as engine:
            there = f"engine {engine.facts.name} at {address.find(None, environ).host}"
    except GpuDocError as error:
        there = error.what
    return ok("Docker", f"not needed, since no run has an image; {there}")


@dataclass
class _Examination:
    """One engine and its runs."""

    engine: Engine
    name: str
    runs: Sequence[Run]
    config: Config
    checkout: Path
    environ: Mapping[str, str]
    runtime: Path

    def findings(self) -> Iterator[Finding]:
        """Check everything. Raises EngineError if the engine goes away."""
        references = list(dict.fromkeys(str(run.image) for run in self.runs))
        here = {reference: image for reference in references if (image := find(self.engine, reference))}
        labels = sweep.labels(sweep.owner(), self.runtime / "lock", "probe")
        images = Images(self.engine, self.name, self.config.root, labels, here)
        seen = self._look(images)
        yield self._engine(seen)
        yield from self._limits()
        folder = self.engine.facts.folder
        kept = Path(folder)
        if folder and seen and seen.sees_paths and kept.is_dir():
            use, remedy = ", where the engine keeps images", "Free some: `docker system df` shows what takes it."
            yield free_space("disk", kept, ROOMY, remedy, use=use)
        for reference in references:
            yield from images.look(reference, [run for run in self.runs if run.image == reference])
        yield from gpus.look(self.runs, images, self.environ)

    def _look(self, images: Images) -> Visibility | None:
        """Find out what the engine sees of this machine; this needs any one image."""
        if not images.here:
            return visibility.BLIND if self.engine.remote else None
        image, ours = next(iter(images.here.values())), self.config.path
        return visibility.look(self.engine, image.id, self.checkout, ours=ours, uid=os.getuid(), labels=images.labels)

    def _engine(self, seen: Visibility | None) -> Finding:
        facts = self.engine.facts
        kind = ", rootless" * facts.rootless + ", user ids remapped" * facts.remapped
        by_cdi = facts.offer.cdi and facts.offer.names != frozenset()
        kind += ", GPUs by CDI" * by_cdi + ", GPUs by NVIDIA's runtime" * facts.offer.nvidia
        says = f"engine {facts.name} at {self.name}{kind}"
        if seen is None:
            return ok("Docker", says)
        if seen.overlays:
            return ok("Docker", f"{says}; runs see the checkout through a copy-on-write view")
        size, whole = workspace.size(self._copied(seen), _PATIENCE)
        about = f"{'about' if whole else 'more than'} {readable_size(size)}"
        what, are = ("the checkout", "is") if seen.sees_paths else ("the checkout and data", "are")
        why, remedy = self._reason(seen)
        says = f"{says}; {what} ({about}) {are} copied to it, since {why}"
        return warning("Docker", says, remedy) if size > _MUCH else ok("Docker", says)

    def _copied(self, seen: Visibility) -> workspace.Parcel:
        """Return what must be copied for runs; data only if it can't be mounted."""
        data = [frozenset(os.path.normpath(self.config.root / each.path) for each in run.data) for run in self.runs]
        outside = [Path(path) for path in frozenset().union(*data) if not Path(path).is_relative_to(self.checkout)]
        mounted = [path for path in map(Path, frozenset.intersection(*data)) if path.is_relative_to(self.checkout)]
        left_out = [path.relative_to(self.checkout).as_posix() for path in mounted] if seen.sees_paths else []
        copies = () if seen.sees_paths else tuple((path, str(path)) for path in outside)
        return workspace.Parcel(
            user=(0, 0), texts={}, checkout=self.checkout, left_out=frozenset(left_out), copies=copies
        )

    def _reason(self, seen: Visibility) -> tuple[str, str]:
        """Return why a copy is needed, and what would make it unnecessary or cheap."""
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
        """Report limits above what the engine's machine has, and limits that the engine can't enforce."""
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
