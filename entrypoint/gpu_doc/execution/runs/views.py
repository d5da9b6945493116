"""Decides how runs in containers see this machine's files: the checkout, data, and caches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.containers.shared_copies import SharedCopies
from gpu_doc.execution.containers.visibility import Visibility, look
from gpu_doc.execution.containers.workspace import Parcel
from gpu_doc.execution.runs.engines import Engines
from gpu_doc.model.configuration import Run

_WORTH_A_WORD = 3.0
"""Seconds after which we note that copying the checkout took long."""

Note = Callable[[str], None]
User = tuple[int, int]
"""User and group."""


@dataclass(frozen=True, kw_only=True)
class View:
    """The files that one run sees."""

    visibility: Visibility
    lower: str | None
    """The folder on the engine's machine below the copy-on-write view; None without a view."""
    volumes: Mapping[str, str]
    """Volumes with copies, by mount path."""
    left_out: frozenset[str]
    """Paths in the checkout that need not be copied."""


class Views:
    """The facts and copies that the runs of a refresh share."""

    def __init__(self, engines: Engines, *, root: Path, checkout: Path, config: Path) -> None:
        """`config` is the configuration file: an engine that sees it sees our paths."""
        self._engines = engines
        self._root = root
        self._checkout = checkout
        self._config = config
        self._visibilities: dict[str | None, Visibility] = {}
        self._copies: dict[str | None, SharedCopies] = {}
        self._lowers: dict[str | None, str | None] = {}
        self._data: list[frozenset[Path]] = []

    def expect(self, run: Run) -> None:
        """Note a run's declared data: what all runs declare is never copied with the checkout."""
        self._data.append(frozenset(self._data_of(run)))

    def of(self, run: Run, image: Image, user: User | None, note: Note, *, view: bool) -> View:
        """Return what a run sees; without `view`, prepare no view or copy of the checkout. Raises GpuDocError."""
        visibility = self._visibility(run.docker_host, image)
        self._make_caches(run, visibility, user, note)
        copies = self._shared_copies(run.docker_host, image)
        data = {} if visibility.sees_paths or not view else self._copied_data(run, copies)
        lower = (
            self._lower(run.docker_host, visibility, copies, user, note)
            if user and view and run.inputs == "observed"
            else None
        )
        return View(
            visibility=visibility,
            lower=lower,
            volumes={**data, **(copies.held if run.detach else {})},
            left_out=self._left_out(visibility),
        )

    def close(self) -> None:
        """Remove the copies."""
        for copies in self._copies.values():
            copies.close()

    def _visibility(self, host: str | None, image: Image) -> Visibility:
        if host not in self._visibilities:
            engine, labels = self._engines.at(host), self._engines.labels("probe")
            self._visibilities[host] = look(
                engine, image.id, self._checkout, ours=self._config, uid=os.getuid(), labels=labels
            )
        return self._visibilities[host]

    def _shared_copies(self, host: str | None, image: Image) -> SharedCopies:
        if host not in self._copies:
            self._copies[host] = SharedCopies(self._engines.at(host), image.id, self._engines.labels("run"))
        return self._copies[host]

    def _lower(
        self, host: str | None, visibility: Visibility, copies: SharedCopies, user: User, note: Note
    ) -> str | None:
        """Return the folder below the copy-on-write view: the checkout or a copy of it; None if no view is possible."""
        if visibility.overlays:
            return str(self._checkout)
        if host not in self._lowers:
            parcel = Parcel(user=user, agent=False, checkout=self._checkout, left_out=self._left_out(visibility))
            begin = time.monotonic()
            lower = copies.checkout(parcel)
            if (seconds := time.monotonic() - begin) > _WORTH_A_WORD:
                note(f"copied the checkout to the engine in {seconds:.0f} s; `gpu-doc doctor` says why")
            self._lowers[host] = lower if copies.overlays(self._config.relative_to(self._checkout)) else None
        return self._lowers[host]

    def _left_out(self, visibility: Visibility) -> frozenset[str]:
        """Data within the checkout that every run declares: these are mounted, so that they need not be copied."""
        common = frozenset.intersection(*self._data) if self._data and visibility.sees_paths else frozenset[Path]()
        return frozenset(p.relative_to(self._checkout).as_posix() for p in common if p.is_relative_to(self._checkout))

    def _copied_data(self, run: Run, copies: SharedCopies) -> dict[str, str]:
        """Volumes with copies of data outside of the checkout, by mount path."""
        outside = [path for path in self._data_of(run) if path.exists() and not path.is_relative_to(self._checkout)]
        return {str(path): copies.data(path, str(path)) for path in outside}

    def _data_of(self, run: Run) -> list[Path]:
        return [Path(os.path.normpath(self._root / source.path)) for source in run.data]

    def _make_caches(self, run: Run, visibility: Visibility, user: User | None, note: Note) -> None:
        """Make the caches that the run's user can write to."""
        for path in map(Path, run.caches.values()) if visibility.same_ids else ():
            if not path.exists():
                path.mkdir(parents=True)
                if user and os.getuid() == 0:
                    os.chown(path, *user)
            elif user and os.getuid() == 0 and path.stat().st_uid != user[0]:
                note(f"{run.address}: the cache {path} may not be writable in the container: chown {user[0]} {path}")
