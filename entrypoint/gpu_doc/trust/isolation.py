"""Takes all settings that isolate runs from the base's configuration, not from the pull request's own.

A pull request may change what is run. But those who may merge it decide what its code may touch: its image, user,
folders, variables, network and engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc import config
from gpu_doc.errors import ConfigError, PublishError, UsageError
from gpu_doc.git import checkout
from gpu_doc.model.configuration import Config, DataSource, Report, Run
from gpu_doc.model.location import Location

if TYPE_CHECKING:
    from gpu_doc.git.commits import Remote
    from gpu_doc.github.event import Event
    from gpu_doc.trust.origin import Origin

_KEYS = (
    "image",
    "bootstrap",
    "network",
    "user",
    "docker_host",
    "gpu_driver",
    "env",
    "secrets",
    "caches",
    "detach",
)
_KEYS_OF_STRANGERS = (*_KEYS, "gpus", "limits")
"""Keys that people who may push can change as well; strangers can't."""

Warn = Callable[[str, Location], None]
"""Prints a warning: what, and where."""

_FAR = "In actions/checkout, `fetch-depth: 2` brings it, or `fetch-depth: 0`."


@dataclass(frozen=True, kw_only=True)
class Base:
    """The base's configuration, which decides."""

    config: Config
    defaults: Run
    """The settings for a run that is new in the pull request."""
    name: str
    """The branch, for messages."""
    tree: Path
    links: Mapping[str, str]
    """Declared data that are links out of the checkout, and the same in the base."""
    stranger: bool

    def run(self, report: str, name: str) -> Run | None:
        """The run of this name in a report of the base."""
        runs = (run for each in self.config.reports if each.path == report for run in each.runs)
        return next((run for run in runs if run.name == name), None)


def with_base(
    own: Config, event: Event, origin: Origin, remote: Remote, environ: Mapping[str, str], warn: Warn
) -> Config:
    """Return the configuration with the base's isolation, for the code of a pull request or of a stranger.

    `warn` gets, per run, the keys that a pull request can't change. Raises UsageError or ConfigError if the base's
    configuration can't be read, or is not enough.
    """
    if not event.pull_request and not origin.stranger:
        return own
    tree = checkout.work_tree(own.root)
    head = checkout.head_commit(tree) if tree else None
    if tree is None or head is None:
        what = "a pull request's isolation comes from its base, and this is no git checkout to read that from"
        raise UsageError(what, where=Location(str(own.root)), remedy="Check the repository out with actions/checkout.")
    commit = _commit(event, tree, head)
    if commit == head:
        return own
    found = _Found.read(own, tree, commit, event, remote, environ)
    if found.content is None:
        return _without_base(own, event, origin, warn)
    base = _base(found, event, tree, stranger=origin.stranger)
    reports = tuple(_isolated(report, own, base, warn) for report in own.reports)
    return replace(own, reports=reports)


def _commit(event: Event, tree: Path, head: str) -> str | None:
    """The base's commit, as GitHub says: a pull request's own parents may be any commits."""
    if not event.name.startswith("pull_request"):
        return event.sha  # the event's own branch, whatever was checked out
    merge = checkout.commit_of_head(tree) if head == event.sha != event.head_sha else None
    if merge and len(merge.parents) == 2 and merge.parents[1] == event.head_sha:
        return merge.parents[0]
    return event.base_sha


# --- the base's configuration ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The base's files at the paths that matter."""

    path: Path
    content: bytes | None
    """The configuration; None if the base has none."""
    links: Mapping[str, str]

    @classmethod
    def read(
        cls, own: Config, tree: Path, commit: str | None, event: Event, remote: Remote, environ: Mapping[str, str]
    ) -> _Found:
        """Read them from the checkout's objects, or from the server. Raises UsageError if neither has the commit."""
        places = dict(_places(own, tree))
        links = list(_links(own, tree))
        contents: dict[str, bytes] = {}
        if commit and checkout.commit_named(tree, commit):
            contents = _known({path: checkout.content(tree, commit, path) for path in (*places, *links)})
        if contents.keys().isdisjoint(places):  # a partial clone can't tell absent from not fetched
            contents = _known(_from_server((*places, *links), tree, commit, event, remote, environ))
        found = next((path for path in places if path in contents), next(iter(places)))
        return cls(
            path=places[found],
            content=contents.get(found),
            links={path: os.fsdecode(contents[path]) for path in links if path in contents},
        )


def _places(own: Config, tree: Path) -> Iterator[tuple[str, Path]]:
    """Yield where the base may have its configuration: at our path, else at the usual places.

    Yields paths from the repository's top, and the files that they mean: git can read only a link's target.
    """
    folders = [folder for folder in (own.root, *own.root.parents) if folder.is_relative_to(tree)]
    for path in (own.path, *(folder / place for folder in folders for place in config.PLACES)):
        there = (
            tree / Path(os.path.realpath(path)).relative_to(tree.resolve())
            if path.is_symlink() and _is_in(path, tree)
            else path
        )
        yield there.relative_to(tree).as_posix(), path


def _links(own: Config, tree: Path) -> Iterator[str]:
    for path in {_lexical(own, source) for report in own.reports for run in report.runs for source in run.data}:
        if path.is_symlink() and path.is_relative_to(tree):
            yield path.relative_to(tree).as_posix()


def _known(read: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {path: content for path, content in read.items() if content is not None}


def _from_server(
    paths: Iterable[str], tree: Path, commit: str | None, event: Event, remote: Remote, environ: Mapping[str, str]
) -> dict[str, bytes | None]:
    from gpu_doc.git.scratch import Scratch

    branch = event.base_branch or event.default_branch or ""
    try:
        with Scratch(tree, remote, environ) as scratch:
            if commit and scratch.has(commit):
                return {path: scratch.read(commit, path, links=True) for path in paths}
            if commit := scratch.fetch(branch)[branch]:  # the present base will do as well
                return {path: scratch.read(commit, path, links=True) for path in paths}
            why = f"the branch `{branch}` is not there"
    except PublishError as error:
        why = error.what
    what = f"a pull request's isolation comes from its base, whose commit is not here: {why}"
    raise UsageError(what, where=Location(str(tree)), remedy=_FAR)


def _base(found: _Found, event: Event, tree: Path, *, stranger: bool) -> Base:
    name = event.base_branch or event.default_branch or "the base"
    try:
        known, defaults = config.load_other(found.content or b"", found.path)
    except ConfigError as error:
        what = f"a pull request's isolation comes from its base, and {error.what} of {name}"
        remedy = f"Mend it on {name} first."
        raise ConfigError(what, where=error.location or error.where, remedy=remedy, problems=error.problems) from error
    return Base(config=known, defaults=defaults, name=name, tree=tree, links=found.links, stranger=stranger)


def _without_base(own: Config, event: Event, origin: Origin, warn: Warn) -> Config:
    """Return the configuration if the base has none: those who may push may add the first one, strangers may not."""
    name = event.base_branch or event.default_branch or "the base"
    where = own.at()
    if origin.stranger:
        what = f"{name} has no gpu-doc.yml, so nothing says how a stranger's code is to be kept apart"
        raise UsageError(what, where=where, remedy=f"Add one to {name} first.")
    warn(f"{where} is new: {name} has none, so this pull request's own says how its runs are kept apart", where)
    return own


# --- a run, isolated as the base has it ------------------------------------------------------------------------------


def _isolated(report: Report, own: Config, base: Base, warn: Warn) -> Report:
    told: set[str] = set()
    runs = []
    for run in report.runs:
        kept, differs = _kept(run, own, base)
        if differs and run.name not in told:
            told.add(run.name)
            names = ", ".join(f"`{key.replace('_', '-')}`" for key in differs)
            what = f"the run {run.name} of {report.path} has {names} as {base.name} has it"
            warn(f"{what}: what keeps runs apart is not a pull request's to change", own.at(run.line))
        runs.append(kept)
    return replace(report, runs=tuple(runs))


def _kept(run: Run, own: Config, base: Base) -> tuple[Run, list[str]]:
    """Return the run with the base's isolation, and the keys in which the pull request differs."""
    known = base.run(run.report, run.name)
    decides = known or base.defaults
    keys = _KEYS_OF_STRANGERS if base.stranger else _KEYS
    kept = replace(run, **{key: getattr(decides, key) for key in keys}, data=tuple(_data(run, own, decides, base)))
    if decides.image is None and run.image:
        kept = replace(kept, image=run.image)  # a container isolates at least as well as none
    if kept.image is None and known is None:
        _refuse_outside(run, own, base)
    return kept, [key for key in (*keys, "data") if getattr(kept, key) != getattr(run, key)]


def _refuse_outside(run: Run, own: Config, base: Base) -> None:
    """Refuse a new run without an image if the base has all its runs in containers."""
    others = [each for report in base.config.reports for each in report.runs]
    if others and all(each.image for each in others):
        what = f"the run {run.name} is new and has no image, and all runs of {base.name} have one"
        remedy = f"Give it an `image`, or `defaults` on {base.name}."
        raise ConfigError(what, where=own.at(run.line), remedy=remedy)


def _data(run: Run, own: Config, decides: Run, base: Base) -> Iterator[DataSource]:
    """Yield a run's data inside the checkout; data outside only if the base declares it too."""
    declared = {_lexical(base.config, source) for source in decides.data}
    for source in run.data:
        path = _lexical(own, source)
        if not path.is_relative_to(base.tree):
            if path in declared:
                yield source
        elif _is_in(path, base.tree) or _is_bases(path, base):
            yield source


def _is_in(path: Path, tree: Path) -> bool:
    # Not `resolve()`: before Python 3.13 it raises RuntimeError for links that lead to themselves.
    return Path(os.path.realpath(path)).is_relative_to(tree.resolve())


def _is_bases(path: Path, base: Base) -> bool:
    """Whether a link in the checkout is the same in the base."""
    known = base.links.get(path.relative_to(base.tree).as_posix())
    return known is not None and path.is_symlink() and os.readlink(path) == known  # noqa: PTH115 - as git has it


def _lexical(whole: Config, source: DataSource) -> Path:
    """Return a declared path without following links."""
    return Path(os.path.normpath(whole.root / source.path))
