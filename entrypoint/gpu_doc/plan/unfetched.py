"""Finds files that a run would read but are not here: Git LFS pointers, files left out of a sparse checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gpu_doc.errors import MachineError
from gpu_doc.git import checkout, lfs
from gpu_doc.model.location import Location
from gpu_doc.plan.plan import RunPlan
from gpu_doc.record.fingerprint import data_files, pattern_files


def demand_fetched(plan: RunPlan, root: Path) -> None:
    """Raise MachineError if one of a run's files is a Git LFS pointer, or is left out of a sparse checkout.

    In the fingerprint, a pointer counts as the file that it refers to, so its result would be taken for that of the
    real file; and a file that is left out would be taken for removed.
    """
    data = [("literal", source.path) for source in plan.run.data if source.version is None]
    for magic, named in [*data, *(("glob", pattern) for pattern in plan.run.depends_on)]:
        if said := checkout.left_out(root, f":({magic}){named}"):
            raise MachineError(f"run {plan.run.address} would read `{named}`, which is not all here{said}")
    missing = sorted({name for name, path in _files(plan, root) if lfs.is_pointer(path)})
    if not missing:
        return
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    raise MachineError(
        f"run {plan.run.address} would read a pointer of Git LFS for a file that was not fetched{more}",
        where=Location(missing[0]),
        remedy=lfs.remedy(missing[0]),
    )


def _files(plan: RunPlan, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules, `depends-on` files and data whose content is in the fingerprint."""
    modules = plan.here.source.get("modules", {}) if plan.here else {}
    yield from ((name, root / name) for name in modules)
    for pattern in plan.run.depends_on:
        yield from ((path.relative_to(root).as_posix(), path) for path in pattern_files(root, pattern))
    for source in plan.run.data:
        place = root / source.path
        for path in data_files(place) if source.version is None else ():
            yield source.path if path == place else f"{source.path.rstrip('/')}/{path.relative_to(place)}", path
