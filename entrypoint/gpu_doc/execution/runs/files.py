"""Redacts secrets in the files that a run left, before any of them is kept."""

from __future__ import annotations

import codecs
import os
import shutil
from pathlib import Path

from gpu_doc.errors import RunError
from gpu_doc.execution.runs.failure import place
from gpu_doc.execution.runs.job import Job
from gpu_doc.redaction import Redactor

_BLOCK = 8 << 20
"""Bytes to search at a time: files may be larger than memory."""


def redact_files(job: Job) -> None:
    """Redact logs and produced files. The executed notebook is redacted while it is written.

    Raises RunError if a binary file contains a secret. Such files are removed.
    """
    if not job.redactor:
        return
    produced = job.folder / "produced"
    logs = [path for path in job.folder.glob("*") if path.is_file() and path.suffix != ".ipynb"]
    left = [path for path in sorted(produced.rglob("*")) if path.is_file() and not path.is_symlink()]
    for path in logs:
        if _look(path, job.redactor, log=True)[0]:
            _redact(path, job.redactor)
    spoilt = [path for path in left if not _is_well(path, path.relative_to(produced), job.redactor)]
    for path in spoilt:
        path.unlink()
    if spoilt:
        name = job.redactor.text(str(spoilt[0].relative_to(produced)))
        raise RunError(
            f"`{name}` holds the value of a secret, and is no text (in UTF-8) that could be redacted",
            where=place(job.run),
            remedy="Keep the secret out of this file. It was not kept.",
        )


def _is_well(path: Path, name: Path, redactor: Redactor) -> bool:
    """Redact a file if it contains a secret; False if that is not possible."""
    found, text = _look(path, redactor)
    if redactor.spans(os.fsencode(name)):
        return False
    if found and text:
        _redact(path, redactor)
    return text or not found


def _look(path: Path, redactor: Redactor, *, log: bool = False) -> tuple[bool, bool]:
    """Return whether a file contains a secret, and whether it is text. A log counts as text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found, text, before = False, True, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            text = text and b"\0" not in block and _decodes(decoder, block)
            piece = before + block
            found = found or redactor.is_in_binary(piece) or ((text or log) and bool(redactor.spans(piece)))
            before = piece[-redactor.reach :]
    return found, text and _decodes(decoder, b"", final=True)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _redact(path: Path, redactor: Redactor) -> None:
    redacted = path.with_name(f"{path.name}.redacted")
    with path.open("rb") as source, redacted.open("wb") as target, redactor.stream(target.write) as stream:
        shutil.copyfileobj(source, stream, _BLOCK)
    redacted.replace(path)
