"""What the stand-in knows: accounts, repositories, pull requests, issues, comments; and branches, which git knows."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Literal, Protocol

_ids = count(1001)


def now() -> str:
    """The time as GitHub writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Account:
    """Whom a token belongs to, and what it may do."""

    login: str = "github-actions[bot]"
    kind: Literal["Bot", "User"] = "Bot"
    permissions: Mapping[str, Literal["none", "read", "write"]] = field(default_factory=dict)
    """`pull_requests`, `issues`; what is not named may be written."""
    sees: bool = True
    """Whether there are any repositories for it."""

    def may_write(self, *permissions: str) -> bool:
        """Whether one of these permissions lets it write."""
        return any(self.permissions.get(name, "write") == "write" for name in permissions)


@dataclass
class Comment:
    """A comment on an issue or a pull request."""

    author: Account
    body: str
    id: int = field(default_factory=lambda: next(_ids))
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)


@dataclass
class Issue:
    """An issue, or what a pull request has in common with one."""

    number: int
    title: str
    body: str | None
    author: Account
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    id: int = field(default_factory=lambda: next(_ids))
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)
    closed: str | None = None

    def close(self, reason: str | None = None) -> None:
        """Close it."""
        self.state, self.closed, self.state_reason = "closed", now(), reason

    def reopen(self) -> None:
        """Open it again."""
        self.state, self.closed, self.state_reason = "open", None, "reopened"


@dataclass
class PullRequest(Issue):
    """A pull request between two branches of one repository."""

    head: str = ""
    base: str = ""
    head_sha: str = ""
    base_sha: str = ""
    draft: bool = False
    merged: str | None = None
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)


@dataclass
class Repository:
    """A repository; change any of it while the stand-in runs."""

    full_name: str
    default_branch: str = "main"
    archived: bool = False
    has_issues: bool = True
    has_drafts: bool = True
    actions_may_open_pull_requests: bool = True
    collaborators: set[str] = field(default_factory=lambda: {"octocat", "hubot"})
    """Who can be asked for a review."""
    teams: set[str] = field(default_factory=set)
    unseen_pushes: int = 0
    """How many of the next pull requests are refused since GitHub does not see their branch yet."""
    items: list[Issue] = field(default_factory=list)
    """Issues and pull requests, by number from 1 on."""
    id: int = field(default_factory=lambda: next(_ids))

    @property
    def owner(self) -> str:
        """The part before the slash."""
        return self.full_name.partition("/")[0]

    @property
    def pull_requests(self) -> list[PullRequest]:
        """Those of the items that are pull requests."""
        return [item for item in self.items if isinstance(item, PullRequest)]

    def item(self, number: int) -> Issue | None:
        """The issue or pull request with a number."""
        return next((item for item in self.items if item.number == number), None)

    def comment(self, id_: int) -> tuple[Issue, Comment] | None:
        """A comment, and what it is on."""
        return next(((item, comment) for item in self.items for comment in item.comments if comment.id == id_), None)


class Branches(Protocol):
    """What git knows."""

    def default(self, repository: str) -> str | None:
        """The default branch; None where there is no such repository."""

    def tip(self, repository: str, branch: str) -> str | None:
        """The commit that a branch is at."""

    def ahead(self, repository: str, base: str, head: str) -> int:
        """How many commits one commit has that another has not."""


class Tips(dict[str, dict[str, str]]):
    """Branches without git: `{"octo/reports": {"main": SHA}}`."""

    def default(self, repository: str) -> str | None:
        """The default branch."""
        return "main" if repository in self else None

    def tip(self, repository: str, branch: str) -> str | None:
        """The commit that a branch is at."""
        return self.get(repository, {}).get(branch)

    def ahead(self, _repository: str, base: str, head: str) -> int:
        """How many commits one commit has that another has not: here, one or none."""
        return int(base != head)


class GitFolder:
    """Bare repositories in a folder: `ROOT/owner/name.git`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def default(self, repository: str) -> str | None:
        """The default branch."""
        return self._ask(repository, "symbolic-ref", "--short", "HEAD")

    def tip(self, repository: str, branch: str) -> str | None:
        """The commit that a branch is at."""
        return self._ask(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")

    def ahead(self, repository: str, base: str, head: str) -> int:
        """How many commits one commit has that another has not."""
        return int(self._ask(repository, "rev-list", "--count", f"{base}..{head}") or 0)

    def _ask(self, repository: str, *words: str) -> str | None:
        folder = self._root / f"{repository}.git"
        if not folder.is_dir():
            return None
        done = subprocess.run(["git", "--git-dir", str(folder), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None


class World:
    """All repositories and accounts."""

    def __init__(self, branches: Branches, tokens: Mapping[str, Account]) -> None:
        self.branches = branches
        self.tokens = dict(tokens)
        self.moved: dict[str, str] = {}
        """Old names of repositories to their new ones."""
        self._repositories: dict[str, Repository] = {}

    def repository(self, full_name: str) -> Repository:
        """A repository, to look at or to change; git must have it."""
        found = self.find(full_name)
        assert found, f"there is no repository {full_name}"
        return found

    def find(self, full_name: str) -> Repository | None:
        """A repository, if there is one; its pull requests as the branches have them now."""
        if full_name not in self._repositories:
            default = self.branches.default(full_name)
            if default is None:
                return None
            self._repositories[full_name] = Repository(full_name, default)
        repository = self._repositories[full_name]
        for pull in repository.pull_requests:
            self._follow(repository, pull)
        return repository

    def by_id(self, id_: int) -> Repository | None:
        """The repository with an id."""
        return next((each for each in self._repositories.values() if each.id == id_), None)

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name; git's folder must have it already."""
        repository = self._repositories.pop(old, None) or Repository(new)
        repository.full_name = new
        self._repositories[new] = repository
        self.moved[old] = new

    def _follow(self, repository: Repository, pull: PullRequest) -> None:
        """What a push does to a pull request, by https://docs.github.com/pull-requests."""
        if pull.state == "closed":
            return
        head = self.branches.tip(repository.full_name, pull.head)
        base = self.branches.tip(repository.full_name, pull.base)
        if head is None or base is None:
            pull.close()
            return
        contained = self.branches.ahead(repository.full_name, base, head) == 0
        if contained and head == pull.head_sha:
            pull.merged = now()
        if contained:
            pull.close()
        if head != pull.head_sha:
            pull.updated = now()
        pull.head_sha, pull.base_sha = head, base
