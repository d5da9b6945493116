"""`gpu-doc init`: a working configuration with an example notebook and template."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gpu_doc.config.load import PLACES, at
from gpu_doc.config.schema import schema_text
from gpu_doc.errors import UsageError
from gpu_doc.resources import template_path

SCHEMA = ".gpu-doc.schema.json"
"""A file beside the configuration, to be committed: editors need no network, and it fits the version that wrote it."""
_CONFIGURATION = PLACES[0]


@dataclass(frozen=True)
class Initialised:
    """Paths relative to the folder, with forward slashes: files written now, and files that were there and stay."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def init(folder: Path) -> Initialised:
    """Write what is not there yet, each file whole or not at all; no file is ever overwritten.

    The configuration comes last, so that one that is there has all its files. Where a configuration is there from the
    start, only those files are written that it names, since others would lie about unused.
    Raises UsageError where something cannot be written.
    """
    found = at(folder)
    own = found.relative_to(folder).as_posix() if found else None
    named = _text(folder / own) if own else None
    written: list[str] = []
    kept = [own] if own else []
    for name, content in _files():
        if name == _CONFIGURATION and own:
            continue
        if os.path.lexists(folder / name):
            kept.append(name)
        elif named is None or name in named:
            (written if _create(folder / name, name, content) else kept).append(name)
    return Initialised(written=tuple(sorted(written)), kept=tuple(sorted(kept)))


def _files() -> Iterator[tuple[str, bytes]]:
    """Give each file's path and content, the configuration last."""
    source = template_path("init")
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    for name in files:
        if name != _CONFIGURATION:
            yield name, (source / name).read_bytes()
    yield SCHEMA, schema_text().encode()
    yield _CONFIGURATION, (source / _CONFIGURATION).read_bytes()


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _create(path: Path, name: str, content: bytes) -> bool:
    """Create a file in one step; False if someone else was quicker."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        _name(temporary, path)
    except OSError as error:
        if isinstance(error, FileExistsError) and os.path.lexists(path):
            return False
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        why = f"{path.parent.name} is not a folder" if in_the_way else (error.strerror or str(error)).lower()
        remedy = "Make room for it, or call init in another folder."
        raise UsageError(f"cannot write {name}: {why}", where=name, remedy=remedy) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


def _name(temporary: Path, path: Path) -> None:
    """Give a complete file its name. Raises FileExistsError rather than replace another."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network shares know no hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        temporary.rename(path)
