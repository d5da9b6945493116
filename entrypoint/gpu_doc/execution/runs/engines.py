"""The engines that the runs of a refresh need: each is connected to once, and cleared of what a killed process left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers import sweep
from gpu_doc.execution.containers.engine import Engine, connect


class Engines:
    """Connections, and what tells our containers from those of others."""

    def __init__(self, environ: Mapping[str, str], runtime: Path, layer: str) -> None:
        """`runtime` is a folder of ours alone; `layer` says whose results the runs make."""
        self._environ = environ
        self._runtime = runtime
        self._layer = layer
        self._stack = ExitStack()
        self._engines: dict[str | None, Engine] = {}
        self.who = sweep.owner()
        self.lock = runtime / "lock"
        """Held while we live, so that others know what is ours and can tell whether it is left over."""

    def at(self, host: str | None) -> Engine:
        """Return the engine at a `docker-host`, None for the local one. Raises EngineError."""
        if host not in self._engines:
            folder = self._runtime / f"e{len(self._engines)}"
            folder.mkdir(exist_ok=True)
            self._engines[host] = self._stack.enter_context(connect(host, self._environ, folder))
            sweep.sweep(self._engines[host], who=self.who)
        return self._engines[host]

    def labels(self, kind: sweep.Kind) -> dict[str, str]:
        """Return the labels of what we make on an engine."""
        return sweep.labels(self.who, self.lock, kind)

    def goes_on(self, host: str | None, fingerprint: str) -> bool:
        """Whether a detached command of this fingerprint is there already: it runs, or has ended meanwhile."""
        return bool(sweep.detached(self.at(host), self.who, fingerprint, self._layer))

    def busy(self) -> frozenset[str]:
        """The GPUs that containers hold, those of a gpu-doc that is gone too."""
        found: frozenset[str] = frozenset()
        for engine in self._engines.values():
            with suppress(GpuDocError):
                found |= sweep.leased(engine)
        return found

    def clear(self, detached: Sequence[str]) -> Iterator[str]:
        """Remove what is left of our containers, and the detached commands of these fingerprints.

        Yields a sentence for each engine on which something is left. One that is silent keeps nobody.
        """
        for host, engine in self._engines.items():
            try:
                left = sweep.remove_own(engine, self.lock, detached, self._layer)
            except GpuDocError as error:
                left = (error.what,)
            if left:
                where = host or engine.address["DOCKER_HOST"]
                yield f"could not remove what runs left on {where}: {left[0]}; `gpu-doc clean` does it later"

    def close(self) -> None:
        """Close the connections."""
        self._stack.close()
