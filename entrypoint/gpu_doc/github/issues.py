"""Issues of one repository, and comments. For GitHub, comments on a pull request are comments on an issue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gpu_doc.github.bodies import fitting, is_marked, is_same
from gpu_doc.github.connection import RefusedError

if TYPE_CHECKING:
    import github.Issue
    import github.IssueComment

    from gpu_doc.github.repository import Repository


@dataclass(frozen=True, kw_only=True)
class Issue:
    """An open issue."""

    number: int
    url: str
    created: bool = False
    """Whether we have just opened it."""


class Issues:
    """Every failure is a PublishError."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._connection = repository.connection

    def keep_comment(
        self, number: int, marker: str, body: str, *, create: bool = True
    ) -> Literal["created", "updated", "unchanged"]:
        """Update our one comment on a pull request or an issue; its first line is `marker`, an HTML comment.

        With `create`, add it if there is none.
        """
        text = fitting(f"{marker}\n{body}")
        with self._connection.asked(f"comment on #{number}"):
            there = self._find_comment(
                number, lambda comment: is_marked(comment.body, marker) and self._is_ours(comment)
            )
            if there is None and create:
                self._add(number, text)
                return "created"
            if there is None or is_same(there.body, text):
                return "unchanged"
            self._connection.repeat(lambda: there.edit(text))
            return "updated"

    def comment(self, number: int, body: str) -> None:
        """Add a comment to an issue or a pull request."""
        with self._connection.asked(f"comment on #{number}"):
            self._add(number, fitting(body))

    def _add(self, number: int, text: str) -> None:
        self._connection.once(
            lambda: self._repository.there.get_issue(number).create_comment(text),
            done=lambda: self._find_comment(number, lambda comment: is_same(comment.body, text)),
        )

    def _find_comment(
        self, number: int, fits: Callable[[github.IssueComment.IssueComment], bool]
    ) -> github.IssueComment.IssueComment | None:
        comments = self._connection.repeat(lambda: list(self._repository.there.get_issue(number).get_comments()))
        return next((comment for comment in comments if fits(comment)), None)

    def find(self, marker: str) -> Issue | None:
        """Find our open issue with `marker` as first line. One request per hundred open issues."""
        with self._connection.asked("look for the issue"):
            for issue in self._connection.repeat(lambda: list(self._repository.there.get_issues(state="open"))):
                if is_marked(issue.body, marker) and self._is_ours(issue):
                    return Issue(number=issue.number, url=issue.html_url)
        return None

    def keep(self, marker: str, title: str, body: str, labels: Sequence[str]) -> Issue:
        """Return our open issue with `marker` as first line; open one if there is none."""
        if found := self.find(marker):
            return found

        def opened() -> Issue:
            text = fitting(f"{marker}\n{body}")
            issue = self._repository.there.create_issue(title, body=text, labels=list(labels))
            return Issue(number=issue.number, url=issue.html_url)

        with self._connection.asked("open an issue"):
            made = self._connection.once(opened, done=lambda: self.find(marker))
        return replace(made, created=True)

    def close(self, number: int, comment: str | None) -> None:
        """Close an issue as done, after a comment."""
        if comment:
            self.comment(number, comment)
        with self._connection.asked(f"close issue #{number}"):
            self._connection.repeat(
                lambda: self._repository.there.get_issue(number).edit(state="closed", state_reason="completed")
            )

    def _is_ours(self, written: github.IssueComment.IssueComment | github.Issue.Issue) -> bool:
        """Whether we wrote it: our marker in a person's text is not enough."""
        author = written.user
        # A deleted account has no author.
        return getattr(author, "type", "") == "Bot" or getattr(author, "login", None) == self._login

    @cached_property
    def _login(self) -> str:
        """The token's owner. Apps may not ask for it; their author is a bot."""
        try:
            return self._connection.repeat(lambda: self._connection.api.get_user().login)
        except RefusedError:
            return ""
