"""The engines for the runs of a refresh: connects to each once, and removes what killed processes left there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.containers import sweep
from gpu_doc.execution.containers.engine import Engine, connect


class Engines:
    """Connections, and the labels that mark our containers."""

    def __init__(self, environ: Mapping[str, str], runtime: Path, layer: str) -> None:
        """`runtime` is a private folder; `layer` is the layer of state for results."""
        self._environ = environ
        self._runtime = runtime
        self._layer = layer
        self._stack = ExitStack()
        self._engines: dict[str | None, Engine] = {}
        self.who = sweep.owner()
        self.lock = runtime / "lock"
        """Locked while we live: so others can tell whether what we made is left over."""

    def at(self, host: str | None) -> Engine:
        """Return the engine at `host`, a `docker-host`; None is the local one. Raises EngineError."""
        if host not in self._engines:
            folder = self._runtime / f"e{len(self._engines)}"
            folder.mkdir(exist_ok=True)
            self._engines[host] = self._stack.enter_context(connect(host, self._environ, folder))
            sweep.sweep(self._engines[host], who=self.who)
        return self._engines[host]

    def labels(self, kind: sweep.Kind) -> dict[str, str]:
        """Return the labels for what we make on an engine."""
        return sweep.labels(self.who, self.lock, kind)

    def goes_on(self, host: str | None, fingerprint: str) -> bool:
        """Whether a detached command with this fingerprint exists already: it runs, or has ended."""
        return bool(sweep.detached(self.at(host), self.who, fingerprint, self._layer))

    def busy(self) -> frozenset[str]:
        """The GPUs that containers hold, also those of a gpu-doc that is gone."""
        found: frozenset[str] = frozenset()
        for engine in self._engines.values():
            with suppress(GpuDocError):
                found |= sweep.leased(engine)
        return found

    def clear(self, detached: Sequence[str]) -> Iterator[str]:
        """Remove the rest of our containers, and the detached commands with these fingerprints.

        Yields a sentence for each engine where something remains. Does not wait for a silent engine.
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
