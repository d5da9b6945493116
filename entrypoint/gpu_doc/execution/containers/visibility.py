"""Finds out what an engine sees of this machine: are our paths the same there, and can it overlay them."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.execution.containers import container_answers, recipe
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.removal import remove_container
from gpu_doc.model.values import Json

_LOOK = "/gpu-doc-look"


@dataclass(frozen=True, kw_only=True)
class Visibility:
    """What an engine can do with our files."""

    sees_paths: bool
    """Bind mounts show our files. Not if the engine runs on another machine, in a virtual one, or in a container."""
    same_ids: bool
    """The container's user may write to our folders, since user ids are the same. Not with a rootless engine."""
    overlays: bool
    """A copy-on-write view of the checkout works, and this user may write in it."""


BLIND = Visibility(sees_paths=False, same_ids=False, overlays=False)


def look(engine: Engine, image: str, checkout: Path, *, ours: Path, uid: int, labels: Mapping[str, str]) -> Visibility:
    """Find out, with containers that are created and inspected but never started.

    `ours` is a file of the checkout, to recognize it by; `uid` is the user who would write.
    """
    if engine.remote:
        return BLIND
    view = {"Type": "bind", "Source": str(checkout), "Target": _LOOK, "ReadOnly": True}
    shown = _shown(engine, image, [view], labels, f"{_LOOK}/{ours.relative_to(checkout)}")
    if shown != _content(ours):
        return BLIND
    same = not (engine.facts.remapped or engine.facts.rootless)
    # Root may overlay everything. But if the files are root's, the run's own user could not overwrite them.
    writable = same and uid == checkout.stat().st_uid != 0
    path = f"{recipe.WORKSPACE}/{ours.relative_to(checkout)}"
    overlays = writable and overlay_shows(engine, image, str(checkout), path, labels)
    return Visibility(sees_paths=True, same_ids=same, overlays=overlays)


def _content(path: Path) -> bytes:
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def overlay_shows(engine: Engine, image: str, lower: str, path: str, labels: Mapping[str, str]) -> bool:
    """Whether a container sees a file, at `path` inside, through a copy-on-write view of the engine's folder `lower`.

    Raises EngineError if the engine went away.
    """
    names: list[str] = []
    try:
        folders = []
        for _ in range(2):
            with sentences():
                volume = container_answers.volume(engine.client.api.create_volume(labels=dict(labels)))
            names.append(volume.name)
            folders.append(volume.folder)
        if not all(folders):
            return False
        mount = recipe.overlay(lower, folders[0], folders[1], labels)
        return _shown(engine, image, [mount], labels, path) is not None
    finally:
        for name in names:
            with suppress(EngineError), engine.tidying() as api:
                api.remove_volume(name, force=True)


def _shown(
    engine: Engine, image: str, mounts: list[dict[str, Json]], labels: Mapping[str, str], path: str
) -> bytes | None:
    """Return a file's content, or a link's target, as a container with these mounts sees it; else None."""
    api = engine.client.api
    config = {"Image": image, "Entrypoint": ["-"], "Labels": dict(labels), "HostConfig": {"Mounts": mounts}}
    try:
        with sentences():
            container = container_answers.identity(api.create_container_from_config(config), "a container")
    except EngineError as error:
        if error.cause == "engine":
            raise
        return None  # "bind source path does not exist"
    try:
        with sentences():
            chunks, _ = api.get_archive(container, path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                entry = next(iter(archive))
                if entry.issym():
                    return os.fsencode(entry.linkname)
                file = archive.extractfile(entry)
                return file.read() if file else None
    except (EngineError, tarfile.TarError, StopIteration):
        return None
    finally:
        with suppress(EngineError):
            remove_container(engine, container)
