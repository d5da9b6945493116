"""What the stand-in does for each request that it knows, as GitHub's documentation describes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from tests.standin.bodies import Bodies, Body, error
from tests.standin.state import Account, Comment, Issue, PullRequest, Repository, World, now

LONGEST = 65_536
"""Characters of a text, above which GitHub refuses it."""


@dataclass
class Reply:
    """An answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, message: str, *errors: Body) -> None:
        super().__init__(message)
        self.reply = Reply(status, error(status, message, list(errors)))


def invalid(resource: str, name: str, code: str, message: str = "") -> RefusedError:
    """What GitHub says of a field that makes no sense to it."""
    wrong = {"resource": resource, "field": name, "code": code} | ({"message": message} if message else {})
    return RefusedError(422, "Validation Failed", wrong)


@dataclass
class Asked:
    """A request, taken apart."""

    world: World
    bodies: Bodies
    account: Account
    path: str
    """In front of the query, as it was sent."""
    names: dict[str, str]
    """What stands in the path."""
    query: dict[str, str]
    body: Body

    @property
    def repository(self) -> Repository:
        """The repository that it is about."""
        found = self.world.find(f"{self.names['owner']}/{self.names['repo']}")
        if found is None or not self.account.sees:
            raise RefusedError(404, "Not Found")
        return found

    def writable(self, *permissions: str) -> Repository:
        """The repository, for who may write there."""
        repository = self.repository
        if repository.archived:
            raise RefusedError(403, "Repository was archived so is read-only.")
        if not self.account.may_write(*permissions):
            by = "integration" if self.account.kind == "Bot" else "personal access token"
            raise RefusedError(403, f"Resource not accessible by {by}")
        return repository

    @property
    def item(self) -> Issue:
        """The issue or pull request that it is about."""
        item = self.repository.item(int(self.names["issue_number"]))
        if item is None:
            raise RefusedError(404, "Not Found")
        if not self.repository.has_issues and not isinstance(item, PullRequest):
            raise _issues_are_off()
        return item

    @property
    def pull(self) -> PullRequest:
        """The pull request that it is about."""
        item = self.repository.item(int(self.names["pull_number"]))
        if not isinstance(item, PullRequest):
            raise RefusedError(404, "Not Found")
        return item

    def text(self, name: str = "body") -> str:
        """A text that is not too long."""
        text = self.body.get(name) or ""
        if len(text) > LONGEST:
            raise invalid("Issue", name, "custom", f"{name} is too long (maximum is {LONGEST} characters)")
        return str(text)


def _issues_are_off() -> RefusedError:
    return RefusedError(410, "Issues has been disabled in this repository.")


# --- repositories ----------------------------------------------------------------------------------------------------


def get_user(asked: Asked) -> Reply:
    """GET /user."""
    if asked.account.kind == "Bot":
        raise RefusedError(403, "Resource not accessible by integration")
    return Reply(200, asked.bodies.myself(asked.account))


def get_repository(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}."""
    return Reply(200, asked.bodies.repository(asked.repository, asked.account))


# --- pull requests ---------------------------------------------------------------------------------------------------


def list_pulls(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/pulls."""
    repository = asked.repository
    pulls = [pull for pull in repository.pull_requests if asked.query.get("state", "open") in (pull.state, "all")]
    if base := asked.query.get("base"):
        pulls = [pull for pull in pulls if pull.base == base]
    if ":" in (head := asked.query.get("head", "")):  # without an owner GitHub passes over it
        pulls = [pull for pull in pulls if f"{repository.owner}:{pull.head}" == head]
    newest_first = asked.query.get("direction", "desc" if asked.query.get("sort", "created") == "created" else "asc")
    pulls.sort(key=lambda pull: pull.number, reverse=newest_first == "desc")
    return _page(asked, [asked.bodies.pull_request(repository, pull, whole=False) for pull in pulls])


def create_pull(asked: Asked) -> Reply:
    """POST /repos/{owner}/{repo}/pulls."""
    repository = asked.writable("pull_requests")
    if asked.account.kind == "Bot" and not repository.actions_may_open_pull_requests:
        raise RefusedError(403, "GitHub Actions is not permitted to create or approve pull requests.")
    head = asked.body["head"].removeprefix(f"{repository.owner}:")
    pull = PullRequest(
        number=len(repository.items) + 1,
        title=asked.body.get("title") or "",
        body=asked.text(),
        author=asked.account,
        head=head,
        base=asked.body["base"],
        head_sha=_tip_of(asked, repository, head, "head"),
        base_sha=_tip_of(asked, repository, asked.body["base"], "base"),
        draft=bool(asked.body.get("draft")),
    )
    _judge(asked, repository, pull)
    repository.items.append(pull)
    return Reply(201, asked.bodies.pull_request(repository, pull, whole=True))


def _tip_of(asked: Asked, repository: Repository, branch: str, name: str) -> str:
    unseen = name == "head" and repository.unseen_pushes > 0
    if unseen:
        repository.unseen_pushes -= 1
    sha = None if unseen else asked.world.branches.tip(repository.full_name, branch)
    if sha is None:
        raise invalid("PullRequest", name, "invalid")
    return sha


def _judge(asked: Asked, repository: Repository, pull: PullRequest) -> None:
    if not pull.title:
        raise invalid("PullRequest", "title", "missing_field")
    there = [p for p in repository.pull_requests if p.state == "open" and (p.head, p.base) == (pull.head, pull.base)]
    if there:
        label = f"{repository.owner}:{pull.head}"
        raise invalid("PullRequest", "head", "custom", f"A pull request already exists for {label}.")
    if asked.world.branches.ahead(repository.full_name, pull.base_sha, pull.head_sha) == 0:
        raise invalid("PullRequest", "base", "custom", f"No commits between {pull.base} and {pull.head}")
    if pull.draft and not repository.has_drafts:
        raise RefusedError(422, "Draft pull requests are not supported in this repository.")


def get_pull(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/pulls/{pull_number}."""
    return Reply(200, asked.bodies.pull_request(asked.repository, asked.pull, whole=True))


def update_pull(asked: Asked) -> Reply:
    """PATCH /repos/{owner}/{repo}/pulls/{pull_number}."""
    repository, pull = asked.writable("pull_requests"), asked.pull
    _edit(asked, pull)
    return Reply(200, asked.bodies.pull_request(repository, pull, whole=True))


def request_reviewers(asked: Asked) -> Reply:
    """POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers."""
    repository, pull = asked.writable("pull_requests"), asked.pull
    people, teams = asked.body.get("reviewers") or [], asked.body.get("team_reviewers") or []
    if pull.author.login in people:
        raise RefusedError(422, "Review cannot be requested from pull request author.")
    if not repository.collaborators.issuperset(people) or not repository.teams.issuperset(teams):
        of = f"is not a collaborator of the {repository.full_name} repository."
        what = "One or more of the users or teams you specified"
        raise RefusedError(422, f"Reviews may only be requested from collaborators. {what} {of}")
    pull.reviewers = list(dict.fromkeys([*pull.reviewers, *people]))
    pull.teams = list(dict.fromkeys([*pull.teams, *teams]))
    return Reply(201, asked.bodies.pull_request(repository, pull, whole=False))


# --- issues and comments ---------------------------------------------------------------------------------------------


def list_issues(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/issues."""
    repository = asked.repository
    if not repository.has_issues:
        raise _issues_are_off()
    items = [item for item in repository.items if asked.query.get("state", "open") in (item.state, "all")]
    items.sort(key=lambda item: item.number, reverse=asked.query.get("direction", "desc") == "desc")
    return _page(asked, [asked.bodies.issue(repository, item) for item in items])


def create_issue(asked: Asked) -> Reply:
    """POST /repos/{owner}/{repo}/issues."""
    repository = asked.writable("issues")
    if not repository.has_issues:
        raise _issues_are_off()
    title = str(asked.body["title"])
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    issue = Issue(len(repository.items) + 1, title, asked.text(), asked.account, labels=_label_names(asked))
    repository.items.append(issue)
    return Reply(201, asked.bodies.issue(repository, issue))


def get_issue(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/issues/{issue_number}."""
    return Reply(200, asked.bodies.issue(asked.repository, asked.item))


def update_issue(asked: Asked) -> Reply:
    """PATCH /repos/{owner}/{repo}/issues/{issue_number}."""
    repository, item = asked.writable("issues"), asked.item
    _edit(asked, item)
    if "labels" in asked.body:
        item.labels = _label_names(asked)
    return Reply(200, asked.bodies.issue(repository, item))


def _edit(asked: Asked, item: Issue) -> None:
    body = asked.body
    if "body" in body:
        item.body = asked.text()
    if body.get("title"):
        item.title = str(body["title"])
    if body.get("state") == "closed" and item.state == "open":
        item.close(body.get("state_reason") or (None if isinstance(item, PullRequest) else "completed"))
    elif body.get("state") == "open" and item.state == "closed":
        if isinstance(item, PullRequest) and (item.merged or not _can_reopen(asked, item)):
            raise invalid("PullRequest", "state", "custom", "state cannot be changed.")
        item.reopen()
    item.updated = now()


def _can_reopen(asked: Asked, pull: PullRequest) -> bool:
    branches, name = asked.world.branches, asked.repository.full_name
    head, base = branches.tip(name, pull.head), branches.tip(name, pull.base)
    return head is not None and base is not None and branches.ahead(name, base, head) > 0


def list_comments(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/issues/{issue_number}/comments."""
    item = asked.item
    return _page(asked, [asked.bodies.comment(asked.repository, item, comment) for comment in item.comments])


def create_comment(asked: Asked) -> Reply:
    """POST /repos/{owner}/{repo}/issues/{issue_number}/comments."""
    repository, item = asked.writable("issues", "pull_requests"), asked.item
    comment = Comment(asked.account, _comment_text(asked))
    item.comments.append(comment)
    return Reply(201, asked.bodies.comment(repository, item, comment))


def get_comment(asked: Asked) -> Reply:
    """GET /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    found = asked.repository.comment(int(asked.names["comment_id"]))
    if found is None:
        raise RefusedError(404, "Not Found")
    return Reply(200, asked.bodies.comment(asked.repository, *found))


def update_comment(asked: Asked) -> Reply:
    """PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}."""
    repository = asked.writable("issues", "pull_requests")
    found = repository.comment(int(asked.names["comment_id"]))
    if found is None:
        raise RefusedError(404, "Not Found")
    found[1].body, found[1].updated = _comment_text(asked), now()
    return Reply(200, asked.bodies.comment(repository, *found))


def _comment_text(asked: Asked) -> str:
    text = asked.text()
    if not text.strip():
        raise invalid("IssueComment", "body", "custom", "body can't be blank")
    return text


def add_labels(asked: Asked) -> Reply:
    """POST /repos/{owner}/{repo}/issues/{issue_number}/labels."""
    repository, item = asked.writable("issues", "pull_requests"), asked.item
    item.labels = list(dict.fromkeys([*item.labels, *_label_names(asked)]))
    return Reply(200, [asked.bodies.label(repository, name) for name in item.labels])


def _label_names(asked: Asked) -> list[str]:
    given = asked.body.get("labels") or []
    names = [label if isinstance(label, str) else str(label.get("name", "")) for label in given]
    if not all(name.strip() for name in names):
        raise invalid("Label", "name", "invalid")
    return list(dict.fromkeys(names))


# --- finding the right one -------------------------------------------------------------------------------------------


def _page(asked: Asked, found: list[Body]) -> Reply:
    size = min(max(int(asked.query.get("per_page", 30)), 1), 100)
    page = max(int(asked.query.get("page", 1)), 1)
    last = max(1, -(-len(found) // size))

    def link(number: int, relation: str) -> str:
        query = urlencode({**asked.query, "page": str(number)})
        return f'<{asked.bodies.address}{asked.path}?{query}>; rel="{relation}"'

    links = [link(page + 1, "next"), link(last, "last")] if page < last else []
    return Reply(200, found[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {})


_REPOSITORY = "/repos/{owner}/{repo}"

ROUTES: dict[tuple[str, str], Callable[[Asked], Reply]] = {
    ("GET", "/user"): get_user,
    ("GET", _REPOSITORY): get_repository,
    ("GET", f"{_REPOSITORY}/pulls"): list_pulls,
    ("POST", f"{_REPOSITORY}/pulls"): create_pull,
    ("GET", f"{_REPOSITORY}/pulls/{{pull_number}}"): get_pull,
    ("PATCH", f"{_REPOSITORY}/pulls/{{pull_number}}"): update_pull,
    ("POST", f"{_REPOSITORY}/pulls/{{pull_number}}/requested_reviewers"): request_reviewers,
    ("GET", f"{_REPOSITORY}/issues"): list_issues,
    ("POST", f"{_REPOSITORY}/issues"): create_issue,
    ("GET", f"{_REPOSITORY}/issues/comments/{{comment_id}}"): get_comment,
    ("PATCH", f"{_REPOSITORY}/issues/comments/{{comment_id}}"): update_comment,
    ("GET", f"{_REPOSITORY}/issues/{{issue_number}}"): get_issue,
    ("PATCH", f"{_REPOSITORY}/issues/{{issue_number}}"): update_issue,
    ("GET", f"{_REPOSITORY}/issues/{{issue_number}}/comments"): list_comments,
    ("POST", f"{_REPOSITORY}/issues/{{issue_number}}/comments"): create_comment,
    ("POST", f"{_REPOSITORY}/issues/{{issue_number}}/labels"): add_labels,
}
"""What it knows, by method and path as GitHub's description has them."""

_PATTERNS = [
    (method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), handler)
    for (method, path), handler in ROUTES.items()
]


def find(method: str, path: str) -> tuple[Callable[[Asked], Reply], dict[str, str]] | None:
    """What answers a request, and the names in its path."""
    for known, pattern, handler in _PATTERNS:
        if known == method and (match := pattern.fullmatch(path)):
            return handler, {name: unquote(value) for name, value in match.groupdict().items()}
    return None
