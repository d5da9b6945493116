"""Suggests what a person may have meant: similar keys or files, keys of other sections. Loaded only for errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gpu_doc.config.editors import sections
from gpu_doc.config.kinds import either
from gpu_doc.text.nearest import nearest

if TYPE_CHECKING:
    from gpu_doc.config.shapes import Section

_LOOK_AT = 5000
"""The most files to search for a similar name: enough for most repositories, and never slow."""


def unknown_key(key: str, section: Section) -> str:
    """Return a message that `section` has no such key, with the key that was meant, or where it belongs."""
    start = f"unknown key `{key}`"
    hyphened = key.replace("_", "-").lower()
    if hyphened in section.keys:
        return f"{start}; did you mean `{hyphened}`?"
    if home := _homes(key, section):
        return f"{start}; it belongs in {home}"
    for near in nearest(hyphened, section.keys):
        return f"{start}; did you mean `{near}`?"
    for near in nearest(hyphened, {other for part in sections() for other in part.keys}):
        return f"{start}; did you mean `{near}`, which belongs in {_homes(near, section)}?"
    return f"{start}; {section.title} may have {', '.join(f'`{known}`' for known in section.keys)}"


def _homes(key: str, asking: Section) -> str:
    homes = [part.title for part in sections() if key in part.own and part is not asking]
    return either(homes) if homes else ""


def near_files(root: Path, path: str) -> str:
    """Return a question naming files of `root` similar to the missing `path`; empty if there are none."""
    wanted = PurePosixPath(path)
    suffix = wanted.suffix.lower()
    files = [file for file in islice(_files(root), _LOOK_AT) if PurePosixPath(file).suffix.lower() == suffix]
    names = {PurePosixPath(file).name.lower() for file in files}
    close = nearest(wanted.name.lower(), names, most=3)
    best = [file for name in close for file in files if PurePosixPath(file).name.lower() == name][:3]
    return f"; did you mean {either([f'`{file}`' for file in best])}?" if best else ""


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in {"node_modules", "__pycache__"})
        for name in sorted(names):
            yield Path(folder, name).relative_to(root).as_posix()
