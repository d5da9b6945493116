"""Finds out where results go: to which repository and branch, as which author, and from which commit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from gpu_doc.errors import PublishError, UnpublishableError, UsageError
from gpu_doc.git import asking, checkout
from gpu_doc.git.commits import Identity, Remote
from gpu_doc.model.configuration import Config, Publish
from gpu_doc.model.location import Location

if TYPE_CHECKING:
    from gpu_doc.github.event import Event

Mode = Literal["pull-request", "commit", "auto"]

_BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
"""The author of commits by GITHUB_TOKEN. https://github.com/actions/checkout#push-a-commit-using-the-built-in-token"""

_BRANCH = re.compile(r"(?!/|-)(?!.*(?://|\.\.|@\{|/\.|\.lock(?:/|$)))(?!\.)[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])")
"""The branch names that git accepts (git help check-ref-format)."""

_HOSTED = re.compile(
    r"(?:(?:https|ssh)://(?:[^@/]*@)?|git@)(?P<host>[\w.-]+)(?::\d+)?[/:](?P<repository>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
"""The forms of a GitHub repository's address."""

_SERVED = re.compile(
    r"(?:(?P<scheme>https?|ssh|git)://(?:[^@/]*@)?(?P<host>[^/:@]+)(?::\d+)?/|(?:[^@/:]+@)?[^@/:]+:(?!//))"
    r"(?:.*/)?(?P<repository>[^/]+/[^/]+?)(?:\.git)?/*",
    re.IGNORECASE,
)
"""Any remote on a server; the host of an ssh remote may be an alias."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where results go."""

    tree: Path
    """The top of the checkout."""
    source: str
    """The checked-out commit."""
    base: str
    """The branch that the reports are for."""
    base_is_given: bool = False
    """Whether a person named the base, by `--base` or the input `base`."""
    named: tuple[str, ...] = ()
    """Commits that were on the branch, as the event says."""
    branch: str
    """The branch of the pull request; one for each base and configuration."""
    configuration: str
    """The configuration's path in the repository."""
    remote: Remote
    repository: str
    """`owner/name` on GitHub; empty if the remote is elsewhere."""
    server_url: str
    api_url: str
    token: str
    """The token for the API; empty if there is none."""
    run_url: str
    identity: Identity
    publish: Publish

    @property
    def purpose(self) -> str:
        """What the pull request is for, on one line: each configuration and base has its own."""
        return re.sub(r"[\x00-\x1f]", " ", f"{self.configuration} on {self.base}")

    @property
    def place(self) -> str:
        """The repository, for messages; without a login that the address may contain."""
        return self.repository or re.sub(r"(?<=://)[^/@]*@", "", self.remote.url)


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The options of the command line or the action; an empty one leaves it to the configuration and the event."""

    base: str = ""
    token: str = ""


def find(config: Config, wishes: Wishes, event: Event | None) -> Target:
    """Find out where results go, before anything runs. Raises UsageError and PublishError."""
    tree = checkout.work_tree(config.root)
    if tree and (words := asking.refused(tree)):
        from gpu_doc.git import refusals

        raise refusals.meaning(words, remote="origin", checkout=str(tree))
    source = checkout.head_commit(tree) if tree else None
    if tree is None or source is None:
        what = "there is no git repository to publish to" if tree is None else "the repository has no commit yet"
        raise UsageError(what, where=Location(str(config.root)), remedy="`--publish none` writes the files only.")
    configuration = configuration_of(config)
    place = _place_of_event(wishes, event) if event else _place_of_person(tree)
    base = _valid(wishes.base, "base") if wishes.base else _base(tree, source, event)
    return Target(
        tree=tree,
        source=source,
        base=base,
        base_is_given=bool(wishes.base),
        named=_named(base, event) if event else (),
        branch=branch_name(config.publish.branch, base, configuration),
        configuration=configuration,
        remote=place.remote,
        repository=place.repository,
        server_url=place.server_url,
        api_url=place.api_url,
        token=wishes.token,
        run_url=event.run_url if event else "",
        identity=_identity(config.publish, tree, on_runner=event is not None),
        publish=config.publish,
    )


def configuration_of(config: Config) -> str:
    """The configuration's path in the repository; a link is not followed."""
    return config.path.relative_to(checkout.work_tree(config.root) or config.root).as_posix()


def branch_name(pattern: str, base: str, configuration: str) -> str:
    """Return the pull request's branch. A configuration other than the repository's main one has its path in the name.

    Raises UsageError if git would not accept the name.
    """
    slug = slug_of(configuration)
    if slug and "{config}" not in pattern:
        pattern += "-{config}"
    branch = pattern.replace("{base}", base).replace("{config}", slug)
    if branch == base:
        remedy = "Give `publish.branch` a name of its own, such as the default `gpu-doc/refresh-{base}`."
        raise UsageError(f"the pull request's branch would be its base, `{base}`", remedy=remedy)
    return _valid(branch, "publish.branch")


def slug_of(configuration: str) -> str:
    """Return what names a configuration in a branch; empty for the repository's main one."""
    other = re.sub(r"^(?:\.github/)?gpu-doc\.yml$|/gpu-doc\.yml$|\.ya?ml$", "", configuration)
    return re.sub(r"[^\w.-]+", "-", other).strip("-.")


def is_own_branch(publish: Publish, branch: str, configuration: str = "gpu-doc.yml") -> bool:
    """Whether we made a branch for a pull request: nothing is published to it."""
    if "{base}" not in publish.branch:
        slug = slug_of(configuration)
        own = publish.branch.replace("{config}", slug)
        return branch in (own, f"{own}-{slug}" if slug else own)
    pattern = re.escape(publish.branch).replace(re.escape("{base}"), ".+").replace(re.escape("{config}"), ".+")
    return bool(re.fullmatch(f"{pattern}.*", branch))


def _valid(branch: str, key: str) -> str:
    if not _BRANCH.fullmatch(branch):
        remedy = "`git help check-ref-format` says what it takes."
        raise UsageError(f"`{branch}` cannot be the name of a branch ({key})", remedy=remedy)
    return branch


def _base(tree: Path, source: str, event: Event | None) -> str:
    """The checked-out branch, as the event or the checkout says."""
    here = checkout.current_branch(tree)
    head = event.head_branch if event and event.pull_request else None
    if event and head and source == event.sha != event.head_sha:
        what = f"not the pull request's branch `{head}` is checked out, but its merge with the base, or the base"
        remedy = "Results would hold what is not on that branch. In actions/checkout: `ref: ${{ github.head_ref }}`."
        raise UsageError(what, remedy=remedy)
    branch = head or (event.branch if event else None) or here
    if event and here and here != branch and source not in (event.sha, event.head_sha):
        remedy = (
            f"To publish to `{here}`, say so: `--base {here}`, or the action's input `base`. To publish to `{branch}`, "
            "check that out (in actions/checkout: `ref`)."
        )
        raise UsageError(f"`{here}` is checked out, and the job runs on `{branch}`", remedy=remedy)
    if branch is None:
        what = "a tag is checked out" if event and event.is_tag else "no branch is checked out (detached HEAD)"
        remedy = "Say which branch the results are for: `--base main`, or the action's input `base`."
        raise UsageError(f"{what}, so there is no branch to publish to", remedy=remedy)
    return branch


def _named(base: str, event: Event) -> tuple[str, ...]:
    """Commits that were on the base, as the event says."""
    pairs = [(event.branch, event.sha), (None if event.from_fork else event.head_branch, event.head_sha)]
    return tuple(sha for branch, sha in pairs if sha and branch == base)


def _identity(publish: Publish, tree: Path, *, on_runner: bool) -> Identity:
    """The author of our commits. Raises UsageError if there is none."""
    sign = checkout.signs_commits(tree) if publish.sign is None else publish.sign
    if publish.author:
        name, _, address = publish.author.rstrip("> ").rpartition("<")
        return Identity(name=name.strip(), email=address, sign=sign)
    known = _BOT if on_runner else checkout.identity(tree)
    if known is None:
        remedy = "`git config user.name` and `user.email`, or `publish.author` in the configuration."
        raise UsageError("git does not know who commits", where=Location(str(tree)), remedy=remedy)
    return Identity(name=known[0], email=known[1], sign=sign)


@dataclass(frozen=True, kw_only=True)
class _Destination:
    remote: Remote
    repository: str
    server_url: str
    api_url: str


def demand_own_repository(config: Config, event: Event) -> None:
    """Raise UnpublishableError if another repository than the event's is checked out."""
    tree = checkout.work_tree(config.root)
    if tree and (other := other_repository(tree, event)):
        raise UnpublishableError(
            f"a checkout of {other} is here, and this job publishes to {event.repository}",
            where=Location(str(tree)),
            remedy="`publish: none` writes the files only. To publish to another repository, run gpu-doc in a workflow "
            "of that one.",
        )


def _place_of_event(wishes: Wishes, event: Event) -> _Destination:
    """Return the event's repository. Raises PublishError without a token."""
    if not wishes.token:
        remedy = "The action's input `token` is the workflow's own unless it is set; other steps set GH_TOKEN."
        raise PublishError("there is no token to publish with", remedy=remedy)
    return _Destination(
        remote=Remote(url=f"{event.server_url}/{event.repository}.git", token=wishes.token),
        repository=event.repository,
        server_url=event.server_url,
        api_url=event.api_url,
    )


def other_repository(tree: Path, event: Event) -> str:
    """The checked-out repository, if it is not the event's; else empty.

    Empty too if the remote names no server, such as a folder.
    """
    found = [match for url in checkout.own_urls(tree) if (match := _SERVED.fullmatch(url))]
    server = urlsplit(event.server_url).hostname or ""
    for match in found:
        same_server = match["scheme"] not in ("http", "https") or match["host"].lower() == server.lower()
        if same_server and match["repository"].lower() == event.repository.lower():
            return ""
    if not found:
        return ""
    name, host = found[0]["repository"], found[0]["host"]
    return f"{name} on {host}" if host and host.lower() != server.lower() else str(name)


def _place_of_person(tree: Path) -> _Destination:
    """Return where the user's own git would push to, with the user's credentials."""
    name = checkout.push_remote(tree, checkout.current_branch(tree))
    address = checkout.push_url(tree, name) if name else None
    if address is None:
        what = f"there is no remote `{name}`" if name else "the repository has no remote to publish to"
        remedy = "`git remote add origin …`, or `--publish none`, which writes the files only."
        raise UsageError(what, where=Location(str(tree)), remedy=remedy)
    found = _HOSTED.fullmatch(address)
    host, repository = (found["host"], found["repository"]) if found else ("", "")
    api = "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
    return _Destination(
        remote=Remote(url=address, token=None),
        repository=repository,
        server_url=f"https://{host}" if host else "",
        api_url=api if host else "",
    )
