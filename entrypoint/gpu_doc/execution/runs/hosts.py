"""Finds the GPUs of the machine that executes a run: this one, or a remote engine's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.gpus.inventory import inventory
from gpu_doc.execution.gpus.leases import Leases, shared_folder
from gpu_doc.execution.runs.devices import Devices, asks, default_jobs, search
from gpu_doc.model.configuration import Run
from gpu_doc.system.python_environment import has_gpu

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker


class Hosts:
    """The GPUs of the machines that execute runs; each machine is searched once."""

    def __init__(self, environ: Mapping[str, str], docker: Docker | None) -> None:
        self._environ = environ
        self._docker = docker
        self._found: dict[str | None, Devices] = {}

    def devices(self, run: Run) -> Devices | None:
        """The GPUs of a run's host; None if the run needs none and the host can't have any.

        Raises EngineError if a remote engine does not answer.
        """
        if not asks(run) and (run.gpus == "none" or not self._may_have(run)):
            return None
        host = run.docker_host if run.image else None
        if host not in self._found:
            self._found[host] = self._look(run)
        return self._found[host]

    def jobs(self, runs: Iterable[Run], cores: int) -> int:
        """The default number of runs at a time: as many as can each have a core, or a GPU."""
        for run in runs:
            with suppress(GpuDocError):  # reported when the run starts
                self.devices(run)
        return default_jobs(cores, sum(found.count for found in self._found.values()))

    def _may_have(self, run: Run) -> bool:
        docker = self._docker if run.image else None
        if docker is None:
            return has_gpu()
        return docker.offer(run).any or (has_gpu() and not docker.is_remote(run))

    def _look(self, run: Run) -> Devices:
        docker = self._docker if run.image else None
        if docker is None:
            found = inventory(self._environ)
        else:
            found = search(
                docker.offer(run),
                self._environ,
                remote=docker.is_remote(run),
                asked=asks(run),
                probe=lambda: docker.look_for_gpus(run),
            )
            if found.refusal and not asks(run):
                docker.warn(f"`gpus: auto` runs on the CPU: {found.refusal.what} ({docker.host(run)})")
        busy = self._docker.busy if self._docker else frozenset
        return Devices(found, Leases(shared_folder(), busy))
