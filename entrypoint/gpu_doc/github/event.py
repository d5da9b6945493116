"""The event that started a workflow run, read from the environment and from GitHub's payload file.

Variables: https://docs.github.com/actions/reference/workflows-and-actions/variables, payloads:
https://docs.github.com/webhooks/webhook-events-and-payloads. Whoever opened the pull request chose the names of
branches. Treat them as plain text: we only check that git allows the characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_doc.errors import UsageError
from gpu_doc.model.location import Location
from gpu_doc.model.values import Json

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?")
_NOT_IN_REFERENCES = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_REMEDY = "gpu-doc reads what GitHub's runner, or act, sets; `uses: org/gpu-doc-action@v1` hands all of it on."


@dataclass(frozen=True, kw_only=True)
class Event:
    """The event of a workflow run. What an event lacks is None, or empty if it is text."""

    name: str
    repository: str
    """`owner/name` of the repository that the workflow runs in."""
    ref: str
    """`refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`."""
    branch: str | None
    """The branch that the run was started on; None for tags and pull requests."""
    is_tag: bool
    sha: str
    """The commit that the run was started on; for a pull request, GitHub's test merge."""
    base_sha: str | None = None
    """The commit of a pull request's base."""
    base_branch: str | None
    """The base branch of a pull request; without one, `branch`."""
    head_branch: str | None
    """The head branch of a pull request, or the branch that a finished workflow ran on."""
    pull_request: int | None
    head_sha: str | None
    """The newest commit of a pull request, or the commit that a finished workflow ran on."""
    from_fork: bool
    """Whether the code of this event comes from another repository, or from a deleted one."""
    before: str | None
    """The branch's commit before a push; None if the push created the branch."""
    default_branch: str | None
    run_id: str
    attempt: int
    """1 for the first run; each re-run adds 1."""
    run_url: str
    server_url: str
    api_url: str
    actor: str
    self_hosted: bool
    author: str = ""
    """Who opened the pull request."""

    @property
    def has_read_only_token(self) -> bool:
        """Whether GitHub makes the workflow's token read-only, whatever `permissions` says."""
        return self.from_fork or "dependabot[bot]" in (self.actor, self.author)


def read(environ: Mapping[str, str]) -> Event:
    """Read the event. Raises UsageError if something is missing or malformed."""
    name = _variable(environ, "GITHUB_EVENT_NAME")
    repository = _matching(_REPOSITORY, _variable(environ, "GITHUB_REPOSITORY"), "GITHUB_REPOSITORY")
    payload = _Payload(_load(environ), name)
    ref = _reference(_variable(environ, "GITHUB_REF"), "GITHUB_REF")
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
    server = _address(environ, "GITHUB_SERVER_URL", "https://github.com")
    run_id = environ.get("GITHUB_RUN_ID", "")
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    head = _head(payload, repository, branch)
    return Event(
        name=name,
        repository=repository,
        ref=ref,
        branch=branch,
        is_tag=ref.startswith("refs/tags/"),
        sha=_matching(_SHA, _variable(environ, "GITHUB_SHA"), "GITHUB_SHA"),
        base_branch=head.base,
        base_sha=head.base_sha,
        head_branch=head.branch,
        pull_request=head.number,
        head_sha=head.sha,
        from_fork=head.from_fork,
        before=_before(payload),
        default_branch=payload.reference("repository", "default_branch"),
        run_id=run_id,
        attempt=int(attempt) if attempt.isdecimal() else 1,
        run_url=f"{server}/{repository}/actions/runs/{run_id}" if run_id else "",
        server_url=server,
        api_url=_address(environ, "GITHUB_API_URL", "https://api.github.com"),
        actor=environ.get("GITHUB_ACTOR", ""),
        self_hosted=environ.get("RUNNER_ENVIRONMENT") != "github-hosted",
        author=payload.text("pull_request", "user", "login") or "",
    )


# --- where the code comes from ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Head:
    """Where the code comes from, as a pull request or a workflow_run event says."""

    number: int | None = None
    branch: str | None = None
    sha: str | None = None
    base: str | None = None
    base_sha: str | None = None
    from_fork: bool = False


def _head(payload: _Payload, repository: str, branch: str | None) -> _Head:
    if payload.holds("pull_request") or payload.event.startswith("pull_request"):
        return _of_pull_request(payload, repository)
    if payload.event == "workflow_run":
        return _of_workflow_run(payload, repository)
    if payload.event == "merge_group":
        base = payload.required_text("merge_group", "base_ref").removeprefix("refs/heads/")
        return _Head(sha=payload.sha("merge_group", "head_sha"), base=base)
    if payload.event == "issue_comment" and payload.holds("issue", "pull_request"):
        return _Head(number=payload.number("issue", "number"), base=branch)
    return _Head(base=branch)


def _of_pull_request(payload: _Payload, repository: str) -> _Head:
    ours = payload.text("pull_request", "base", "repo", "full_name") or repository
    return _Head(
        number=payload.number("pull_request", "number"),
        branch=payload.required_reference("pull_request", "head", "ref"),
        sha=payload.sha("pull_request", "head", "sha"),
        base=payload.required_reference("pull_request", "base", "ref"),
        base_sha=payload.sha("pull_request", "base", "sha") if payload.text("pull_request", "base", "sha") else None,
        from_fork=_is_foreign(payload.text("pull_request", "head", "repo", "full_name"), ours),
    )


def _of_workflow_run(payload: _Payload, repository: str) -> _Head:
    ours = payload.text("workflow_run", "repository", "full_name") or repository
    head = _Head(
        branch=payload.reference("workflow_run", "head_branch"),
        sha=payload.sha("workflow_run", "head_sha"),
        from_fork=_is_foreign(payload.text("workflow_run", "head_repository", "full_name"), ours),
    )
    # GitHub leaves the list empty for forks. In a fork, it may hold pull requests to other repositories. If there are
    # several, we take the first.
    own = payload.identity("repository", "id")
    for place in range(payload.length("workflow_run", "pull_requests")):
        where = ("workflow_run", "pull_requests", place)
        if own is not None and payload.identity(*where, "base", "repo", "id") == own:
            number, base = payload.number(*where, "number"), payload.reference(*where, "base", "ref")
            return replace(head, number=number, base=base)
    return head


def _is_foreign(theirs: str | None, ours: str) -> bool:
    """Whether code comes from another repository. A deleted fork has no name."""
    return theirs is None or theirs.lower() != ours.lower()


def _before(payload: _Payload) -> str | None:
    before = payload.text("before")
    return before if before and _SHA.fullmatch(before) and before.strip("0") else None


# --- reading ---------------------------------------------------------------------------------------------------------


class _Payload:
    """A payload; anything in it may be missing or of another type."""

    def __init__(self, data: Json, event: str) -> None:
        self._data = data
        self.event = event

    def _at(self, path: tuple[str | int, ...]) -> Json:
        found = self._data
        for key in path:
            if isinstance(key, int):
                found = found[key] if isinstance(found, list) and key < len(found) else None
            else:
                found = found.get(key) if isinstance(found, dict) else None
        return found

    def holds(self, *path: str | int) -> bool:
        return isinstance(self._at(path), dict)

    def text(self, *path: str | int) -> str | None:
        found = self._at(path)
        return found if isinstance(found, str) and found else None

    def reference(self, *path: str | int) -> str | None:
        found = self.text(*path)
        return found and _reference(found, self._name(path))

    def required_text(self, *path: str | int) -> str:
        found = self.text(*path)
        if found is None:
            raise _unusable(f"the payload of this {self.event} has no {self._name(path)}")
        return found

    def required_reference(self, *path: str | int) -> str:
        return _reference(self.required_text(*path), self._name(path))

    def sha(self, *path: str | int) -> str:
        return _matching(_SHA, self.required_text(*path), self._name(path))

    def length(self, *path: str | int) -> int:
        found = self._at(path)
        return len(found) if isinstance(found, list) else 0

    def identity(self, *path: str | int) -> int | None:
        found = self._at(path)
        return found if isinstance(found, int) else None

    def number(self, *path: str | int) -> int:
        found = self._at(path)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise _unusable(f"the payload of this {self.event} has no number at {self._name(path)}")
        return found

    def _name(self, path: tuple[str | int, ...]) -> str:
        return ".".join(map(str, path))


def _load(environ: Mapping[str, str]) -> Json:
    path = Path(_variable(environ, "GITHUB_EVENT_PATH"))
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(f"the event's payload can't be read: {error.strerror}", Location(str(path))) from error
    except (ValueError, RecursionError) as error:
        raise _unusable("the event's payload is no JSON", Location(str(path))) from error
    if not isinstance(data, dict):
        raise _unusable("the event's payload is no JSON object", Location(str(path)))
    return data


def _variable(environ: Mapping[str, str], name: str) -> str:
    if value := environ.get(name):
        return value
    raise _unusable(f"{name} is not set: this is no run of a workflow")


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    return _matching(_ADDRESS, environ.get(name) or default, name).rstrip("/")


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.fullmatch(value):
        raise _unusable(f"{name} is `{value[:100]}`, which it can't be")
    return value


def _reference(value: str, name: str) -> str:
    if _NOT_IN_REFERENCES.search(value):
        raise _unusable(f"{name} is `{value[:100]}`, which is no name of a branch or tag")
    return value


def _unusable(what: str, where: Location | str = "") -> UsageError:
    return UsageError(what, where=where, remedy=_REMEDY)
