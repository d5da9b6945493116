"""GitHub's API, as far as publishing needs it: one repository, seen with one token.

PyGithub's objects are lazy here and made from a number or a name, so that each method makes the requests that it says
and no other. The first of all asks for the repository: a renamed one goes by its new name from then on, since PyGithub
follows what GitHub answers to the old name without the request's query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gpu_doc.github.connection import Connection, RefusedError

if TYPE_CHECKING:
    import github.Issue
    import github.IssueComment
    import github.PullRequest
    import github.Repository

    from gpu_doc.github.refusals import Refusal

LONGEST_BODY = 65_536
"""Characters that GitHub takes for the text of a pull request, an issue, or a comment."""

_CUT = "\n\n*The rest is left out: GitHub takes 65,536 characters. The reports have all of it.*\n"

_AFTER_PUSH = (1.0, 2.0, 4.0, 8.0)
"""Seconds of pause while GitHub does not see yet what was pushed a moment ago."""


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """What is to be known of a repository before something is published there."""

    full_name: str
    """`owner/name`; where it was renamed, the new one."""
    archived: bool
    default_branch: str
    can_push: bool | None
    """None where GitHub does not say it of this kind of token."""


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request, as it was when asked for."""

    number: int
    url: str
    state: Literal["open", "closed"]
    merged: bool
    head_sha: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An open issue."""

    number: int
    url: str
    created: bool = False
    """Whether it was opened just now."""


class GitHub:
    """One repository. Every failure is a PublishError, and the token stands in none."""

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api_url: str,
        note: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`api_url` as in GITHUB_API_URL; `note` hears what is worth knowing; `pause` waits for some seconds."""
        self._name = repository
        self._of_person = token.startswith(("ghp_", "github_pat_", "gho_", "ghu_"))
        self._note = note
        self._connection = Connection(repository, token, api_url, note, pause)

    def __enter__(self) -> GitHub:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._connection.close()

    # --- the repository ----------------------------------------------------------------------------------------------

    @cached_property
    def _repository(self) -> github.Repository.Repository:
        ask = self._connection
        with ask.asked("look at the repository"):
            repository = ask.repeat(lambda: ask.api.get_repo(self._name).complete())
        if not repository.full_name:
            raise ask.strange("it knows no name of the repository")
        if repository.full_name.lower() != self._name.lower():
            self._note(f"{self._name} is called {repository.full_name} by now")
        return repository

    def facts(self) -> RepositoryFacts:
        """Say what the repository is: one request, made once."""
        repository = self._repository
        push = getattr(repository.permissions, "push", None)
        # To the token of an App, such as GITHUB_TOKEN, GitHub says no of everything here.
        known = push or self._of_person
        return RepositoryFacts(
            full_name=repository.full_name,
            archived=bool(repository.archived),
            default_branch=repository.default_branch,
            can_push=push if known else None,
        )

    # --- pull requests -----------------------------------------------------------------------------------------------

    def open_pull_request(self, head_branch: str, base: str) -> PullRequest | None:
        """Find the open pull request from one branch of this repository to another. One request."""
        return self._find_pull_request(head_branch, base, "open")

    def newest_pull_request(self, head_branch: str, base: str) -> PullRequest | None:
        """Find the newest one, open or not. One request."""
        return self._find_pull_request(head_branch, base, "all")

    def _find_pull_request(self, head_branch: str, base: str, state: str) -> PullRequest | None:
        owner = self._repository.full_name.partition("/")[0]
        with self._connection.asked("look for the pull request"):
            found = self._connection.repeat(
                lambda: self._repository.get_pulls(
                    state=state, sort="created", direction="desc", base=base, head=f"{owner}:{head_branch}"
                ).get_page(0)
            )
        # A filter that GitHub does not understand it passes over.
        return next(
            (_pull_request(pull) for pull in found if (pull.head.ref, pull.base.ref) == (head_branch, base)), None
        )

    def create_pull_request(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        """Open a pull request; where there is one already, give that."""
        pauses = iter(_AFTER_PUSH)
        with self._connection.asked("open a pull request"):
            while True:
                try:
                    return self._create(head, base, title, body, draft=draft)
                except RefusedError as error:
                    if error.refusal.says("already exists") and (there := self.open_pull_request(head, base)):
                        return there
                    if draft and error.refusal.says("draft pull requests are not supported"):
                        draft = False
                        self._note("this repository has no draft pull requests: an ordinary one is opened")
                        continue
                    seconds = next(pauses, None) if _may_be_too_early(error.refusal) else None
                    if seconds is None:
                        raise
                    self._connection.pause(seconds)

    def _create(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        text = _fitting(body)
        return self._connection.once(
            lambda: _pull_request(self._repository.create_pull(base, head, title=title, body=text, draft=draft)),
            done=lambda: self.open_pull_request(head, base),
        )

    def update_pull_request(self, number: int, *, body: str, title: str | None = None) -> None:
        """Replace a pull request's text, and its title if one is given."""
        text = _fitting(body)
        with self._connection.asked(f"update pull request #{number}"):
            there = self._repository.get_pull(number)
            if title is None:
                self._connection.repeat(lambda: there.edit(body=text))
            else:
                self._connection.repeat(lambda: there.edit(body=text, title=title))

    def close_pull_request(self, number: int, comment: str | None) -> None:
        """Close a pull request, after a comment."""
        if comment:
            self.comment_issue(number, comment)
        with self._connection.asked(f"close pull request #{number}"):
            self._connection.repeat(lambda: self._repository.get_pull(number).edit(state="closed"))

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels to a pull request or an issue; GitHub makes those that are not there yet."""
        ask = self._connection
        # PyGithub's own method sends a bare list, which GitHub's description of its API no longer has.
        path, labelled = f"/repos/{self._repository.full_name}/issues/{number}/labels", {"labels": list(labels)}
        with ask.asked(f"label #{number}"):
            ask.repeat(lambda: ask.api.requester.requestJsonAndCheck("POST", path, input=labelled))

    def request_reviewers(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask people, and teams as `org/team`, for a review; who can't be asked is noted."""
        people = [name for name in reviewers if "/" not in name]
        teams = [name.partition("/")[2] for name in reviewers if "/" in name]
        with self._connection.asked(f"request reviews of #{number}"):
            try:
                self._connection.repeat(lambda: self._repository.get_pull(number).create_review_request(people, teams))
            except RefusedError as error:
                if error.refusal.status not in (403, 404, 422):
                    raise
                if len(reviewers) == 1:
                    self._note(f"{reviewers[0]} can't be asked for a review: {error.refusal.text}")
                else:  # GitHub asks nobody where one can't be asked
                    for reviewer in reviewers:
                        self.request_reviewers(number, [reviewer])

    # --- comments and issues -----------------------------------------------------------------------------------------

    def keep_comment(
        self, number: int, marker: str, body: str, *, create: bool = True
    ) -> Literal["created", "updated", "unchanged"]:
        """Keep one comment of ours on a pull request or an issue; its first line is `marker`, an HTML comment.

        Without `create` only one that is there already is brought up to date.
        """
        text = _fitting(f"{marker}\n{body}")
        with self._connection.asked(f"comment on #{number}"):
            there = self._find_comment(
                number, lambda comment: _is_marked(comment.body, marker) and self._is_ours(comment)
            )
            if there is None and create:
                self._comment(number, text)
                return "created"
            if there is None or _same(there.body, text):
                return "unchanged"
            self._connection.repeat(lambda: there.edit(text))
            return "updated"

    def comment_issue(self, number: int, body: str) -> None:
        """Add a comment to an issue or a pull request."""
        with self._connection.asked(f"comment on #{number}"):
            self._comment(number, _fitting(body))

    def _comment(self, number: int, text: str) -> None:
        self._connection.once(
            lambda: self._repository.get_issue(number).create_comment(text),
            done=lambda: self._find_comment(number, lambda comment: _same(comment.body, text)),
        )

    def _find_comment(
        self, number: int, fits: Callable[[github.IssueComment.IssueComment], bool]
    ) -> github.IssueComment.IssueComment | None:
        comments = self._connection.repeat(lambda: list(self._repository.get_issue(number).get_comments()))
        return next((comment for comment in comments if fits(comment)), None)

    def find_issue(self, marker: str) -> Issue | None:
        """Find the open issue of ours whose first line is `marker`. A request for each hundred open ones."""
        with self._connection.asked("look for the issue"):
            for issue in self._connection.repeat(lambda: list(self._repository.get_issues(state="open"))):
                if _is_marked(issue.body, marker) and self._is_ours(issue):
                    return Issue(number=issue.number, url=issue.html_url)
        return None

    def keep_issue(self, marker: str, title: str, body: str, labels: Sequence[str]) -> Issue:
        """Give the open issue of ours whose first line is `marker`; open one where there is none."""
        if found := self.find_issue(marker):
            return found
        with self._connection.asked("open an issue"):
            made = self._connection.once(
                lambda: self._open_issue(title, _fitting(f"{marker}\n{body}"), labels),
                done=lambda: self.find_issue(marker),
            )
        return replace(made, created=True)

    def _open_issue(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        issue = self._repository.create_issue(title, body=body, labels=list(labels))
        return Issue(number=issue.number, url=issue.html_url)

    def close_issue(self, number: int, comment: str | None) -> None:
        """Close an issue as done, after a comment."""
        if comment:
            self.comment_issue(number, comment)
        with self._connection.asked(f"close issue #{number}"):
            self._connection.repeat(
                lambda: self._repository.get_issue(number).edit(state="closed", state_reason="completed")
            )

    def _is_ours(self, written: github.IssueComment.IssueComment | github.Issue.Issue) -> bool:
        """Whether we may touch it: a person who writes our marker makes nothing ours."""
        author = written.user
        # Who deleted their account has none.
        return getattr(author, "type", "") == "Bot" or getattr(author, "login", None) == self._login

    @cached_property
    def _login(self) -> str:
        """Whom the token belongs to; those of Apps may not ask, and what they write is a bot's."""
        try:
            return self._connection.repeat(lambda: self._connection.api.get_user().login)
        except RefusedError:
            return ""


def _may_be_too_early(refusal: Refusal) -> bool:
    """Whether GitHub may not have seen yet what was pushed a moment ago."""
    return refusal.status == 422 and (bool(refusal.fields & {"head", "base"}) or refusal.says("no commits between"))


def _pull_request(pull: github.PullRequest.PullRequest) -> PullRequest:
    return PullRequest(
        number=pull.number,
        url=pull.html_url,
        state="open" if pull.state == "open" else "closed",
        merged=pull.merged_at is not None,
        head_sha=pull.head.sha,
        title=pull.title,
        body=pull.body or "",
        draft=bool(pull.draft),
        labels=tuple(label.name for label in pull.labels),
    )


def _fitting(body: str) -> str:
    """A text that GitHub takes: cut at a line's end, with a sentence that says so."""
    if len(body) <= LONGEST_BODY:
        return body
    kept = body[: LONGEST_BODY - len(_CUT)]
    return kept[: kept.rfind("\n") if "\n" in kept else None].rstrip() + _CUT


def _is_marked(body: str | None, marker: str) -> bool:
    return (body or "").partition("\n")[0].strip() == marker


def _same(there: str | None, ours: str) -> bool:
    """Whether two texts are the same but for line ends, which a form may have changed."""
    return (there or "").replace("\r\n", "\n").strip() == ours.strip()
