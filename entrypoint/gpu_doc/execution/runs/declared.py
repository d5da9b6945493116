"""`inputs: declared`: what the view of the checkout holds then, and what a run looked for there in vain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from gpu_doc.execution.agent.patterns import is_wild, parts
from gpu_doc.model.configuration import Run
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json

_SAID = 5


def view(run: Run, source: Mapping[str, Json], root: Path, checkout: Path) -> frozenset[str]:
    """Return what a run sees of the checkout, relative to it: what its fingerprint names, and folders to write to."""
    names = {*(source.get("modules") or {}), *(source.get("files") or {}), run.folder}
    names |= {run.notebook} if run.notebook else set()
    found = {(root / name) for name in names}
    for pattern in run.produces:
        fixed = parts(pattern)
        literal = fixed[: next((n for n, part in enumerate(fixed) if is_wild(part)), len(fixed) - 1)]
        found |= {place for base in (root, root / run.folder) if (place := base.joinpath(*literal)).is_dir()}
    paths = (os.path.relpath(os.path.normpath(path), checkout) for path in found)
    return frozenset(path for path in paths if not path.startswith(".."))


def undeclared(run: Run, source: Mapping[str, Json], observed: Observed, root: Path) -> str:
    """Return a sentence about files that a run looked for in vain although the checkout has them; else empty."""
    seen = {*(source.get("modules") or {}), *(source.get("files") or {}), str(run.notebook)}
    sought = sorted(path for path in observed.missing - seen if (root / path).is_file())
    sought = [path for path in sought if not PurePosixPath(path).is_absolute() and path not in observed.written]
    if not sought:
        return ""
    names = ", ".join(sought[:_SAID]) + (f" and {len(sought) - _SAID} more" if len(sought) > _SAID else "")
    many = len(sought) > 1
    return (
        f"{names} {'exist' if many else 'exists'} in the checkout, but {'are' if many else 'is'} no input of this run: "
        f"add `depends-on: [{', '.join(sought[:_SAID])}]`"
    )
