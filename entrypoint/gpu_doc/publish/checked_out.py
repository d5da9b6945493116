"""Checks, before runs: is the target branch checked out, and can the reports be made again from its commit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError, UnpublishableError
from gpu_doc.git import status
from gpu_doc.model.location import Location

if TYPE_CHECKING:
    from gpu_doc.model.configuration import Config, Report
    from gpu_doc.plan.plan import Plan
    from gpu_doc.publish.commit import PublishTools
    from gpu_doc.publish.layout import Layout

_NAMED = 10
"""The most files that a message names."""


# --- the branch ------------------------------------------------------------------------------------------------------


def demand_branch(tools: PublishTools) -> None:
    """Raise UnpublishableError if the base branch does not contain the checked-out commit.

    The branch may have moved on since the event, but the commit must not be older than the one that the event names. If
    a person named the base, nothing is checked: then the results are for it.
    """
    target = tools.target
    if target.base_is_given or target.source in target.named:
        return
    tip = tools.scratch.fetch(target.base)[target.base]
    if tip is None:
        raise UnpublishableError(
            f"the branch `{target.base}` is not on the remote",
            where=target.place,
            remedy=f"Push it first; or say which branch the results are for: `--base main`. {_NONE}",
        )
    there = tools.scratch.is_ancestor(target.source, tip)
    if there and all(tools.scratch.is_ancestor(sha, target.source) for sha in target.named):
        return
    what = f"an older commit of `{target.base}`" if there else f"a commit that the branch `{target.base}` does not have"
    raise UnpublishableError(
        f"{what} is checked out, {target.source[:10]}: its results are not published there",
        where=target.place,
        remedy=f"Check the branch out (in actions/checkout: `ref: {target.base}`), and push what is committed; or say "
        f"which branch the results are for: `--base`, or the action's input `base`. {_NONE}",
    )


_NONE = "`--publish none` writes the files only."


# --- the reports -----------------------------------------------------------------------------------------------------


def demand_reports(layout: Layout, reports: Sequence[Report]) -> None:
    """Raise if no commit of this repository can contain a report: it is in another repository, or outside."""
    above = {report.path: {*_above(layout, report.path), *_above(layout, f"{report.assets}/x")} for report in reports}
    folders = set().union(*above.values())
    # The index also knows submodules that were not fetched; their folders are empty.
    others = status.submodules(layout.tree, folders) | {
        folder for folder in folders if os.path.lexists(layout.tree / folder / ".git")
    }
    for report, found in above.items():
        if other := min(found & others, default=""):
            raise UnpublishableError(
                f"this report lies in another repository, the submodule `{other}`: nothing can be published there",
                where=Location(report),
                remedy=f"Move the report out of `{other}`, or use gpu-doc in that repository. {_NONE}",
            )


def _above(layout: Layout, path: str) -> list[str]:
    """Return the folders between the repository's top and a path from root."""
    return [folder.as_posix() for folder in Path(layout.path(path)).parents][:-1]


# --- what they are made from -----------------------------------------------------------------------------------------


def demand_committed(layout: Layout, config: Config, planned: Plan) -> None:
    """Raise UnpublishableError if a source of the reports is not committed: nobody could make them again.

    Ignored files may be generated or fetched. Of these, only the configuration, notebooks and templates count.
    """
    essential = set(_inside(layout, _essential(config, planned)))
    others = set(_inside(layout, _others(planned)))
    changed = status.uncommitted(layout.tree, essential | others) | status.ignored(layout.tree, essential)
    changed |= status.removed(layout.root, _named(planned))
    changed = {path for path in changed if path in essential or not _is_written(layout, config, path)}
    if not changed:
        return
    named = [f"`{path}`" for path in sorted(changed)[:_NAMED]]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    raise UnpublishableError(
        f"not committed: {', '.join(named)}{more}; from no commit could the reports be made again",
        where=Location(min(changed)),
        remedy=f"Commit and push it; list in .gitignore what a job fetches or generates. {_NONE}",
    )


def _is_written(layout: Layout, config: Config, path: str) -> bool:
    """Whether we, a run or an interpreter write a file: reports, what runs produce, compiled modules."""
    from gpu_doc.execution.agent.patterns import BESIDE, names

    # Not everybody lists these in .gitignore.
    if not BESIDE.isdisjoint(path.split("/")[:-1]):
        return True
    own = [layout.path(place) for report in config.reports for place in report.written]
    if any(path == place or path.startswith(f"{place}/") for place in own):
        return True
    from_root = os.path.relpath(layout.tree / path, layout.root)
    runs = [run for report in config.reports for run in report.runs if run.produces]
    return any(
        names(pattern, os.path.relpath(from_root, folder))
        for run in runs
        for folder in {run.folder, "."}
        for pattern in run.produces
    )


def _essential(config: Config, planned: Plan) -> Iterator[str]:
    """Yield the configuration, notebooks and templates, as paths from root."""
    yield os.path.relpath(config.path, config.root)
    for each in planned.reports:
        yield from filter(None, [each.report.template, *(run.run.notebook for run in each.runs)])


def _others(planned: Plan) -> Iterator[str]:
    """Yield modules, `depends-on` files and data, as paths from root."""
    for each in planned.reports:
        for run in each.runs:
            for part in (run.fingerprint.source, run.fingerprint.machine) if run.fingerprint else ():
                for kind in ("modules", "files", "data"):
                    yield from part.get(kind) or ()


def _named(planned: Plan) -> Iterator[str]:
    """Yield patterns of `depends-on` files and data for git: a removed file is in no fingerprint."""
    for each in planned.reports:
        for run in each.runs:
            yield from (f":(glob){pattern}" for pattern in run.run.depends_on)
            yield from (f":(literal){source.path}" for source in run.run.data if source.version is None)


def _inside(layout: Layout, paths: Iterable[str]) -> Iterator[str]:
    """Convert paths from root to the repository's, as written and with links resolved; leave out those outside."""
    for path in paths:
        written = Path(os.path.normpath(layout.root / path))
        if written.is_relative_to(layout.tree):
            yield written.relative_to(layout.tree).as_posix()
        try:
            yield layout.path(path)
        except PublishError:
            continue
