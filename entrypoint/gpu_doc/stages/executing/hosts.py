"""Which GPUs there are where a run is executed: on this machine, or on that of a remote engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from gpu_doc.errors import GpuDocError
from gpu_doc.model import Run
from gpu_doc.outside.environment import has_gpu
from gpu_doc.outside.gpus.inventory import inventory, of_facts
from gpu_doc.outside.gpus.leases import Leases, shared_folder
from gpu_doc.stages.executing.devices import Devices, default_jobs
from gpu_doc.stages.executing.docker import Docker


class Hosts:
    """The GPUs of the machines that runs are executed on, looked for once each."""

    def __init__(self, environ: Mapping[str, str], docker: Docker | None) -> None:
        self._environ = environ
        self._docker = docker
        self._found: dict[str | None, Devices] = {}

    def devices(self, run: Run) -> Devices | None:
        """The GPUs of a run's host; None where the run needs none, and none could be there.

        Raises EngineError: a remote engine does not answer.
        """
        asks = run.requires or run.gpus not in ("auto", "none")
        if not asks and (run.gpus == "none" or not self._may_have(run)):
            return None
        host = run.docker_host if run.image else None
        if host not in self._found:
            self._found[host] = self._look(run)
        return self._found[host]

    def jobs(self, runs: Iterable[Run], cores: int) -> int:
        """How many runs go on at a time where nobody says it: as many as can have a core, or a GPU, each."""
        for run in runs:
            with suppress(GpuDocError):  # told when the run's turn comes
                self.devices(run)
        return default_jobs(cores, sum(found.count for found in self._found.values()))

    def _may_have(self, run: Run) -> bool:
        return has_gpu() or bool(run.image and self._docker and self._docker.gives_gpus(run))

    def _look(self, run: Run) -> Devices:
        docker = self._docker if run.image else None
        found = inventory(self._environ) if not (docker and docker.is_remote(run)) else of_facts({})
        if docker and not found.gpus and docker.gives_gpus(run):
            # The engine may have what this process can't see: on another machine, or where we are in a container.
            found = of_facts(docker.look_for_gpus(run))
        busy = self._docker.busy if self._docker else frozenset
        return Devices(found, Leases(shared_folder(), busy))
