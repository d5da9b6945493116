"""Turns refusals of git and its servers into errors with a remedy, and tells which may pass on another try."""

from __future__ import annotations

import re
from typing import NamedTuple

from gpu_doc.errors import PublishError

KEPT = "The results are kept: the next run publishes them without running anything again."


class RejectedError(PublishError):
    """Somebody else moved the branch first."""


class GoneError(PublishError):
    """The remote does not have a commit any more."""


class UnreachableError(PublishError):
    """The remote did not answer, or answered wrongly; a little later it may work."""


class ProtectedBranchError(PublishError):
    """The branch takes no direct pushes."""


class UnsignedError(ProtectedBranchError):
    """The branch takes signed commits only."""


class _Refusal(NamedTuple):
    pattern: str
    """What git wrote."""
    what: str
    remedy: str
    kind: type[PublishError] = PublishError


_REFUSALS = (
    _Refusal(
        r"dubious ownership",
        "the checkout belongs to another user, so git refuses to use it",
        "Trust it: `git config --global --add safe.directory '{checkout}'`, as the user that runs gpu-doc.",
    ),
    _Refusal(
        r"ambiguous argument 'HEAD'",
        "the repository has no commit yet",
        "Commit the project, and push it to the branch that results are for.",
    ),
    _Refusal(
        r"not a git repository",
        "there is no git repository to publish from",
        "Check the project out with git first; in a workflow, with actions/checkout.",
    ),
    _Refusal(
        r"'lfs' is not a git command|git-lfs: (?:command )?not found|git-lfs: No such file|filter 'lfs' failed",
        "a file belongs to Git LFS, which is not installed or failed",
        (
            "Install git-lfs on this machine, or take the report's pictures out of LFS in .gitattributes "
            "(`*.assets/*.png -filter -diff -merge`)."
        ),
    ),
    _Refusal(
        r"clean filter '[^']*' failed|external filter '[^']*' failed",
        "a filter that .gitattributes asks for failed",
        "Make the filter of the git configuration work on this machine, or exempt the reports from it.",
    ),
    _Refusal(
        r"PUSH PROTECTION|Push cannot contain secrets",
        "GitHub found a secret in the results and refused them",
        "List its variable under `secrets` in gpu-doc.yml so that it is redacted; revoke the secret if it is real.",
    ),
    _Refusal(
        r"GH001|exceeds GitHub's file size limit|this exceeds .* file size limit",
        "a file is larger than the server takes",
        "Make the picture or file smaller, or keep such files in Git LFS.",
    ),
    _Refusal(
        r"archived so it is read-only",
        "the repository is archived, which makes it read-only",
        "Unarchive it in its settings, or switch the workflow off.",
    ),
    _Refusal(
        r"refusing to allow .* to create or update workflow",
        "the token may not push commits that bring changes of workflows",
        "Use a personal access token with the scope `workflow`, or a GitHub App that may write workflows.",
    ),
    _Refusal(
        r"SAML SSO",
        "the organisation asks for single sign-on, and the token is not authorised for it",
        "Authorise the token for the organisation (Settings, Developer settings, the token, Configure SSO).",
    ),
    _Refusal(
        r"could not read (?:Username|Password)|Authentication failed|Invalid username or|Access denied|error: 401",
        "{remote} did not accept the credentials: they are missing, wrong or expired",
        f"{KEPT} A workflow's own token lives at most 24 hours; a token of your own has its date in its settings.",
    ),
    _Refusal(
        r"Permission to .* denied|Write access to repository not granted|returned error: 403|HTTP 403",
        "the token may read {remote} but not write to it",
        (
            "Give the job `permissions: contents: write`, or use a token that may write the repository's contents. "
            "The token of a pull request from a fork is always read-only."
        ),
    ),
    _Refusal(
        r"[Rr]epository not found|repository '.*' not found|returned error: 404|not appear to be a git repository",
        "there is no repository {remote}, or the token may not see it",
        (
            "Look for a typing error or a new name; a token needs access to this very repository (a personal one the "
            "scope `repo`, an App an installation there)."
        ),
    ),
    _Refusal(
        r"Permission denied \(publickey|Host key verification failed",
        "{remote} did not let us in by SSH",
        "`ssh` must log in there without asking anything: try `git ls-remote` in the checkout.",
    ),
    _Refusal(
        r"certificate problem|certificate verification failed",
        "the certificate of {remote} is not trusted here",
        "Install your organisation's certificate, or name it to git: `git config --global http.sslCAInfo FILE`.",
    ),
    _Refusal(
        r"(?m)^remote:.*(?:No space left|[Qq]uota exceeded)",
        "the server behind {remote} has no space left",
        f"Its administrators must make room. {KEPT}",
    ),
    _Refusal(
        r"No space left|[Qq]uota exceeded",
        "the disk is full",
        "Make room where temporary files lie (TMPDIR): `gpu-doc clean` removes what killed runs left there.",
    ),
    _Refusal(
        r"exists; cannot create|non-empty directory .* blocking|directory.file conflict|refname conflict",
        "another branch stands in the way: git can't have a branch `a` and a branch `a/b`",
        "Delete or rename the other branch, or choose another name under `publish.branch` in gpu-doc.yml.",
    ),
    _Refusal(
        r"batch response:|LFS: |Uploading LFS objects",
        "Git LFS can't upload the report's files",
        "See whether the server offers LFS, and whether its quota is used up; or take the report's files out of LFS.",
    ),
    _Refusal(
        r"shallow update not allowed",
        "the server takes no pushes from shallow checkouts",
        "Check out the whole history: `fetch-depth: 0` for actions/checkout.",
    ),
    _Refusal(
        r"must have (?:a )?verified signature",
        "the rules of the branch demand signed commits",
        (
            "Set `publish.sign: true`, and give git on this machine a signing key that GitHub knows of the author "
            f"(`publish.author`); or let the owner of the token bypass the rule. {KEPT}"
        ),
        UnsignedError,
    ),
    _Refusal(
        r"GH006|GH013|[Pp]rotected branch|protected ref|rule violations",
        "the branch is protected",
        "Set `publish.mode` to `pull-request` or `auto`, or let the owner of the token bypass the protection.",
        ProtectedBranchError,
    ),
    _Refusal(
        r"stale info|non-fast-forward|fetch first|reference already exists|cannot lock ref|failed to (?:update|lock)"
        r"|incorrect old value|remote ref does not exist|has already been updated",
        "somebody else moved the branch first",
        KEPT,
        RejectedError,
    ),
    _Refusal(
        r"not our ref|unadvertised object",
        "{remote} no longer has a commit that was there",
        KEPT,
        GoneError,
    ),
    _Refusal(
        r"hook declined",
        "{remote} declined the push",
        f"Its hook says why. {KEPT}",
    ),
    _Refusal(
        r"Could not resolve host|Failed to connect|Couldn't connect|timed out|Connection (?:refused|reset|closed)"
        r"|returned error: (?:429|5\d\d)|HTTP (?:429|5\d\d)|RPC failed|early EOF|hung up unexpectedly"
        r"|unexpected disconnect|Empty reply|Operation too slow|SSL_(?:read|connect)|GnuTLS|Internal Server Error"
        r"|fatal error in commit_refs",
        "{remote} can't be reached",
        f"Check the network and the server's status page. {KEPT}",
        UnreachableError,
    ),
    _Refusal(r"", "git failed", KEPT),
)
"""The first that matches counts; the last always matches."""


def meaning(words: str, *, remote: str, checkout: str) -> PublishError:
    """Return the error for a failure. `words` is all that git wrote, without secrets."""
    found = next(refusal for refusal in _REFUSALS if re.search(refusal.pattern, words))
    names = {"remote": remote, "checkout": checkout}
    return found.kind(found.what.format(**names), remedy=found.remedy.format(**names), details=telling(words))


def telling(words: str) -> str:
    """Return the useful lines: no hints on how to type git commands, no repetitions."""
    lines = (line.rstrip() for line in words.splitlines())
    return "\n".join(dict.fromkeys(line for line in lines if line not in ("", "remote:") and line[:5] != "hint:"))
