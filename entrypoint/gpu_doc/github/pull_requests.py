"""Pull requests of one repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gpu_doc.github.bodies import fitting
from gpu_doc.github.connection import RefusedError

if TYPE_CHECKING:
    import github.PullRequest

    from gpu_doc.github.refusals import Refusal
    from gpu_doc.github.repository import Repository

_AFTER_PUSH = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait while GitHub does not see a new push yet."""


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request, as it was when we asked."""

    number: int
    url: str
    state: Literal["open", "closed"]
    merged: bool
    head_sha: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()


class PullRequests:
    """Every failure is a PublishError."""

    def __init__(self, repository: Repository, comment: Callable[[int, str], None]) -> None:
        """`comment` adds a comment to a pull request, by its number."""
        self._repository = repository
        self._connection = repository.connection
        self._comment = comment

    def find_open(self, head_branch: str, base: str) -> PullRequest | None:
        """Find the open pull request from one branch of this repository to another. One request."""
        return self._find(head_branch, base, "open")

    def find_newest(self, head_branch: str, base: str) -> PullRequest | None:
        """Find the newest pull request between them, open or not. One request."""
        return self._find(head_branch, base, "all")

    def _find(self, head_branch: str, base: str, state: str) -> PullRequest | None:
        owner = self._repository.there.full_name.partition("/")[0]
        with self._connection.asked("look for the pull request"):
            found = self._connection.repeat(
                lambda: self._repository.there.get_pulls(
                    state=state, sort="created", direction="desc", base=base, head=f"{owner}:{head_branch}"
                ).get_page(0)
            )
        # GitHub ignores a filter that it does not understand.
        return next(
            (_pull_request(pull) for pull in found if (pull.head.ref, pull.base.ref) == (head_branch, base)), None
        )

    def create(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        """Open a pull request; if there is one already, return it."""
        pauses = iter(_AFTER_PUSH)
        with self._connection.asked("open a pull request"):
            while True:
                try:
                    return self._create(head, base, title, body, draft=draft)
                except RefusedError as error:
                    if error.refusal.says("already exists") and (there := self.find_open(head, base)):
                        return there
                    if draft and error.refusal.says("draft pull requests are not supported"):
                        draft = False
                        self._repository.note("this repository has no draft pull requests: an ordinary one is opened")
                        continue
                    seconds = next(pauses, None) if _may_be_too_early(error.refusal) else None
                    if seconds is None:
                        raise
                    self._connection.pause(seconds)

    def _create(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        text = fitting(body)
        return self._connection.once(
            lambda: _pull_request(self._repository.there.create_pull(base, head, title=title, body=text, draft=draft)),
            done=lambda: self.find_open(head, base),
        )

    def update(self, number: int, *, body: str, title: str | None = None) -> None:
        """Replace a pull request's text, and its title if given."""
        text = fitting(body)
        with self._connection.asked(f"update pull request #{number}"):
            there = self._repository.there.get_pull(number)
            if title is None:
                self._connection.repeat(lambda: there.edit(body=text))
            else:
                self._connection.repeat(lambda: there.edit(body=text, title=title))

    def close(self, number: int, comment: str | None) -> None:
        """Close a pull request, after a comment."""
        if comment:
            self._comment(number, comment)
        with self._connection.asked(f"close pull request #{number}"):
            self._connection.repeat(lambda: self._repository.there.get_pull(number).edit(state="closed"))

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add labels to a pull request or an issue; GitHub creates new ones."""
        ask = self._connection
        # PyGithub's own method sends a bare list, which GitHub's API description no longer allows.
        path, labelled = f"/repos/{self._repository.there.full_name}/issues/{number}/labels", {"labels": list(labels)}
        with ask.asked(f"label #{number}"):
            ask.repeat(lambda: ask.api.requester.requestJsonAndCheck("POST", path, input=labelled))

    def request_reviewers(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask people, and teams (`org/team`), for a review; note those who can't be asked."""
        people = [name for name in reviewers if "/" not in name]
        teams = [name.partition("/")[2] for name in reviewers if "/" in name]
        with self._connection.asked(f"request reviews of #{number}"):
            try:
                self._connection.repeat(
                    lambda: self._repository.there.get_pull(number).create_review_request(people, teams)
                )
            except RefusedError as error:
                if error.refusal.status not in (403, 404, 422):
                    raise
                if len(reviewers) == 1:
                    self._repository.note(f"{reviewers[0]} can't be asked for a review: {error.refusal.text}")
                else:  # GitHub asks nobody if one of them can't be asked
                    for reviewer in reviewers:
                        self.request_reviewers(number, [reviewer])


def _may_be_too_early(refusal: Refusal) -> bool:
    """Whether GitHub may not have seen the new push yet."""
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
