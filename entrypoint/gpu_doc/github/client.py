"""The parts of GitHub's API that publishing needs: one repository, used with one token."""

from __future__ import annotations

import time
from collections.abc import Callable

from gpu_doc.github.connection import Connection
from gpu_doc.github.issues import Issues
from gpu_doc.github.pull_requests import PullRequests
from gpu_doc.github.repository import Repository


class GitHub:
    """One repository. Every failure is a PublishError without the token in it."""

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api_url: str,
        note: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`api_url` is as in GITHUB_API_URL; `note` prints a note; `pause` waits, in seconds."""
        self._connection = Connection(repository, token, api_url, note, pause)
        there = Repository(repository, self._connection, note)
        self.issues = Issues(there)
        self.pull_requests = PullRequests(there, self.issues.comment)

    def __enter__(self) -> GitHub:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
