"""Git LFS pointers: the short text in a checkout in place of a large file that was not fetched."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

LARGEST = 1024
"""Bytes. A file of this size or more is not a pointer, whatever it contains."""

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: sorted keys, each line ended by LF. An extension's line
# names the content as it was before that extension (docs/extensions.md), so the first one is the file's own.
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-0-[a-z0-9.-]+ sha256:(?P<own>[0-9a-f]{64})\n(?:ext-[1-9]-[a-z0-9.-]+ sha256:[0-9a-f]{64}\n)*)?"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size [0-9]+\n"
)


def oid(content: bytes) -> str | None:
    """The SHA-256 of the file that a pointer refers to; None if this is not a complete, valid pointer."""
    match = _POINTER.fullmatch(content) if len(content) < LARGEST else None
    return (match["own"] or match["oid"]).decode() if match else None


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer; false if it can't be read."""
    try:
        return path.is_file() and path.stat().st_size < LARGEST and oid(path.read_bytes()) is not None
    except (OSError, ValueError):  # unreadable, or not a valid path
        return False


def remedy(path: str) -> str:
    """What to do about a pointer, for a message."""
    name = PurePath(path).name  # the name alone matches in any working folder; a full path matches nowhere
    include = "" if any(sign in name for sign in " ,'\"*?[") else f' --include="{name}"'
    return f"Fetch it with `git lfs pull{include}`; in a workflow, give actions/checkout `lfs: true`."
