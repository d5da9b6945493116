"""Sends requests to GitHub's API through PyGithub: retries safe ones, waits for rate limits, explains refusals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from gpu_doc.errors import PublishError
from gpu_doc.github.refusals import Refusal, explain, too_long
from gpu_doc.text.units import readable_time

if TYPE_CHECKING:
    import github

T = TypeVar("T")

TIMEOUT = 30
"""Seconds for one request."""

LONGEST_WAIT = 300.0
"""The most seconds to wait for rate limits in total."""

_AFTER_FAILURES = (1.0, 3.0, 9.0)
"""Seconds to wait before a request that failed (not one that was refused) is sent again."""


class RefusedError(Exception):
    """GitHub refused a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class _RateLimitError(Exception):
    """GitHub would accept the same request later."""

    def __init__(self, refusal: Refusal, seconds: float) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal
        self.seconds = seconds


class _UnreachableError(Exception):
    """There was no answer."""


class Connection:
    """What all requests with one token share: the connections, and the time left to wait for rate limits."""

    def __init__(
        self, repository: str, token: str, api_url: str, note: Callable[[str], None], pause: Callable[[float], None]
    ) -> None:
        """`repository` is named in errors; `note` prints a note before waiting; `pause` waits, in seconds."""
        self._repository = repository
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._note = note
        self.pause = pause
        self._waited = 0.0
        self._waits = 0

    def close(self) -> None:
        """Close the connections."""
        if "api" in self.__dict__:
            self.api.close()

    @cached_property
    def api(self) -> github.Github:
        """PyGithub, configured so that its objects make no requests by themselves."""
        import github

        return github.Github(
            auth=github.Auth.Token(self._token) if self._token else None,
            base_url=self._api_url,
            user_agent="gpu-doc",
            per_page=100,
            timeout=TIMEOUT,
            retry=None,  # we could neither announce nor limit its waiting
            seconds_between_requests=None,
            seconds_between_writes=None,  # GitHub asks for a second between many writes; we make four at most
            lazy=True,
        )

    @contextmanager
    def asked(self, doing: str) -> Iterator[None]:
        """Turn errors inside the `with` into PublishError; `doing` is an infinitive, such as `open a pull request`."""
        try:
            yield
        except _RateLimitError as error:
            raise too_long(error.refusal, error.seconds, repository=self._repository, doing=doing) from error
        except RefusedError as error:
            raise explain(error.refusal, repository=self._repository, doing=doing) from error
        except _UnreachableError as error:
            what = f"GitHub can't be reached to {doing}"
            remedy = "Look at the network, at a proxy, and at https://www.githubstatus.com. The results are kept."
            raise PublishError(what, where=self._api_url, details=str(error), remedy=remedy) from error

    def repeat(self, request: Callable[[], T]) -> T:
        """Send a request that may be repeated: it reads, or sets something to a value. Raises RefusedError."""
        return self.once(request, done=lambda: None)

    def once(self, request: Callable[[], T], done: Callable[[], T | None]) -> T:
        """Send a request that must not be done twice: after a failure, `done` looks for its result before the next try.

        Raises RefusedError.
        """
        pauses = iter(_AFTER_FAILURES)
        while True:
            try:
                return self._try(request)
            except _RateLimitError as error:  # GitHub did not do it
                self._wait(error)
            except (RefusedError, _UnreachableError) as error:
                if isinstance(error, RefusedError) and error.refusal.status < 500:
                    raise
                seconds = next(pauses, None)
                if seconds is not None:
                    self.pause(seconds)
                if (found := done()) is not None:
                    return found
                if seconds is None:
                    raise

    def _wait(self, limit: _RateLimitError) -> None:
        if self._waited + limit.seconds > LONGEST_WAIT:
            raise limit
        self._waited += limit.seconds
        self._waits += 1
        self._note(f"GitHub's rate limit is reached: waiting for {readable_time(limit.seconds)}")
        self.pause(limit.seconds)

    def _try(self, request: Callable[[], T]) -> T:
        import github
        import requests

        try:
            return request()
        except github.GithubException as error:
            refusal = Refusal.read(error.status, error.data, error.headers)
            if refusal.is_rate_limit():
                raise _RateLimitError(refusal, refusal.wait(time.time(), self._waits)) from None
            raise RefusedError(refusal) from None
        except requests.RequestException as error:
            raise _UnreachableError(self._told(error)) from None
        except (AssertionError, RuntimeError, TypeError, ValueError, github.BadAttributeException) as error:
            # PyGithub raises these if an answer is not JSON, or names another server than ours.
            raise self.strange(self._told(error)) from None

    def strange(self, details: str) -> PublishError:
        """Return the error for an answer that GitHub would never give."""
        remedy = "GITHUB_API_URL says where its API is: https://api.github.com, or https://HOST/api/v3."
        return PublishError("what answers is not GitHub's API", where=self._api_url, details=details, remedy=remedy)

    def _told(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        return text.replace(self._token, "***") if self._token else text
