"""Explains GitHub's refusals, and what a person can do about them.

The patterns match sentences in GitHub's answers. https://docs.github.com/rest/using-the-rest-api documents the rate
limits and the codes of validation errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_doc.errors import PublishError
from gpu_doc.model.values import Json
from gpu_doc.text.units import readable_time

_SECONDARY_WAIT = 60.0
"""Seconds to wait if GitHub says only that we are too fast: its documentation says at least a minute."""

_KEPT = " The results are kept: the next run publishes them without running."


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer with a status of 400 or more."""

    status: int
    message: str = ""
    errors: tuple[str, ...] = ()
    """What is wrong with each field, in words."""
    fields: frozenset[str] = frozenset()
    """The names of the wrong fields."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""

    @classmethod
    def read(cls, status: int, data: Json, headers: Mapping[str, str] | None) -> Refusal:
        """Parse an answer. It may come from a proxy and hold anything."""
        known = data if isinstance(data, dict) else {}
        errors = known.get("errors")
        listed = errors if isinstance(errors, list) else [errors] if errors else []
        return cls(
            status=status,
            message=str(known.get("message") or ""),
            errors=tuple(_in_words(error) for error in listed),
            fields=frozenset(str(error.get("field")) for error in listed if isinstance(error, dict)),
            headers={name.lower(): str(value) for name, value in (headers or {}).items()},
        )

    @property
    def text(self) -> str:
        """The whole text of the refusal."""
        return "; ".join(filter(None, [self.message.rstrip("."), *(error.rstrip(".") for error in self.errors)]))

    def says(self, pattern: str) -> bool:
        """Whether a pattern is found in the text, ignoring case."""
        return re.search(pattern, self.text, re.IGNORECASE) is not None

    def is_rate_limit(self) -> bool:
        """Whether GitHub would accept the same request later."""
        if self.status not in (403, 429):
            return False
        spent = self.headers.get("x-ratelimit-remaining") == "0"
        return self.status == 429 or spent or "retry-after" in self.headers or self.says(r"rate limit|abuse detection")

    def wait(self, now: float, times: int) -> float:
        """Return the seconds to wait for a rate limit. `now` is seconds since the epoch, `times`: earlier waits."""
        after, reset = self.headers.get("retry-after", ""), self.headers.get("x-ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        if self.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
            return max(1.0, float(reset) - now + 1)  # the limit ends at some point within that second
        return _SECONDARY_WAIT * float(2**times)


def _in_words(error: Json) -> str:
    if not isinstance(error, dict):
        return str(error)
    if error.get("message"):
        return str(error["message"])
    return " ".join(str(error[key]) for key in ("resource", "field", "code", "value") if error.get(key))


class ReadOnlyError(PublishError):
    """The token may not do that. In runs for pull requests of forks and Dependabot, it is always read-only."""


@dataclass(frozen=True)
class _Known:
    """A common refusal. `explain` fills in the words in braces in `what` and `remedy`."""

    status: int
    pattern: str
    what: str
    remedy: str
    kind: type[PublishError] = PublishError


_PERMISSIONS = (
    "Give the job `permissions: {{contents: write, pull-requests: write}}`, for issues `issues: write`. In runs for "
    "pull requests from forks and from Dependabot GitHub makes the token read-only, whatever the workflow says."
)
_SCOPES = (
    "A fine-grained token needs `Contents` and `Pull requests` (for issues `Issues`) read and write for {repository}, "
    "a classic one the scope `repo`; and its owner needs write access."
)

_KNOWN = (
    _Known(
        403,
        r"not permitted to create or approve pull requests",
        "GitHub Actions may not open pull requests in {repository}",
        "Tick Settings → Actions → General → Workflow permissions → “Allow GitHub Actions to create and approve pull "
        "requests” (an organisation can forbid it for all its repositories), or use a token of an App or a person: "
        "input `token`.",
    ),
    _Known(
        403,
        r"was archived|repository (is|has been) archived",
        "{repository} is archived: nothing can be published there",
        "Unarchive it (Settings → General), or remove the workflow.",
    ),
    _Known(
        403,
        r"saml|single sign-?on",
        "the organisation of {repository} asks for single sign-on, and the token is not authorised for it",
        "Settings → Developer settings → the token → “Configure SSO” → Authorize.{sso}",
    ),
    _Known(
        403,
        r"oauth app access restrictions|forbids access via|ip allow list|ip address is not permitted",
        "the organisation of {repository} does not let this token in: {message}",
        "Ask an owner of the organisation, or use GITHUB_TOKEN or the token of an App that is installed there.",
    ),
    _Known(
        403,
        r"not accessible by integration",
        "the token may not do this in {repository}: {message}",
        _PERMISSIONS,
        ReadOnlyError,
    ),
    _Known(403, r"not accessible by personal access token", "the token lacks a permission for {repository}", _SCOPES),
    _Known(403, r"must have|scope|admin rights|push access", "the token lacks a right: {message}", _SCOPES),
    _Known(
        403, r"blocked", "{message}", "An owner of {repository} must unblock the account that the token belongs to."
    ),
    _Known(
        401,
        r"",
        "GitHub does not take the token: {message}",
        "It has expired, was revoked, or belongs to another server. GITHUB_TOKEN ends with its job, and after 24 hours "
        "at the latest; an App's token after one hour." + _KEPT,
    ),
    _Known(
        404,
        r"",
        "GitHub can't {doing}: to this token, {repository} or what was asked for in it is not there",
        "Somebody deleted it meanwhile; the repository has another name; or it is private and the token has no access. "
        + _SCOPES,
    ),
    _Known(
        410,
        r"",
        "issues are switched off in {repository}: {message}",
        "Settings → General → Features → Issues; or remove the step that keeps an issue.",
    ),
    _Known(451, r"", "access to {repository} is blocked for legal reasons", "Its page on GitHub says more."),
)


def explain(refusal: Refusal, *, repository: str, doing: str) -> PublishError:
    """Return the error for a refusal; `doing` is an infinitive, such as `open a pull request`."""
    sso = re.search(r"https://\S+", refusal.headers.get("x-github-sso", ""))
    words = {
        "repository": repository,
        "doing": doing,
        "message": refusal.text or f"status {refusal.status}",
        "sso": f" Or open {sso[0]}" if sso else "",
    }
    for known in _KNOWN:
        if known.status == refusal.status and refusal.says(known.pattern):
            return known.kind(known.what.format(**words), where=repository, remedy=known.remedy.format(**words))
    if refusal.status >= 500:
        remedy = "https://www.githubstatus.com tells of outages." + _KEPT
        what = f"GitHub fails to {doing}: status {refusal.status}"
        return PublishError(what, where=repository, details=refusal.text, remedy=remedy)
    what = f"GitHub refuses to {doing}: {words['message']} (status {refusal.status})"
    return PublishError(what, where=repository, remedy=_KEPT.strip())


def too_long(refusal: Refusal, seconds: float, *, repository: str, doing: str) -> PublishError:
    """Return the error for a rate limit that lasts longer than we wait."""
    return PublishError(
        f"GitHub's rate limit does not let us {doing}: {refusal.text}; it lasts another {readable_time(seconds)}",
        where=repository,
        remedy="Start fewer jobs at once, or use a token of its own (an App's has a limit of its own)." + _KEPT,
    )
