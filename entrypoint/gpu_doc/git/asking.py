"""Questions to git in the checkout: with its configuration, and with what that must not do."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.resources import template_path

# Programs that the checkout's configuration names, such as filters, are not given the token to publish with.
_GIT = ["env", "-u", "INPUT_TOKEN", "git"]
_OPTIONS = [
    # `status` would else write the index, and stumble over another git at work.
    "--no-optional-locks",
    # A program that a job before this one may have left in the configuration of a checkout that is used again.
    "-c",
    "core.fsmonitor=false",
]
TRUSTING = ("-c", "safe.directory=*")
"""With these git works in checkouts of other users; see templates/runner.gitconfig for older ones."""


def refused(tree: Path) -> str:
    """What git says where it refuses to work in a checkout, as in one of another user's; else empty."""
    try:
        import git
    except ImportError:
        return "git is not installed"
    try:
        _execute(tree, "rev-parse", "--git-dir")
    except git.CommandError as error:
        return str(error.stderr)
    except (git.GitError, OSError) as error:
        return str(error)
    return ""


def trust() -> None:
    """Use checkouts of other users too: on a runner, where a job's container is root in what the runner checked out."""
    _GIT[:] = ["env", "-u", "INPUT_TOKEN", f"GIT_CONFIG_SYSTEM={template_path('runner.gitconfig')}", "git"]
    if TRUSTING[1] not in _OPTIONS:
        _OPTIONS.extend(TRUSTING)


def ask(folder: Path, *words: str) -> str | None:
    """What git answers in a folder; None where it is not installed, refuses or fails."""
    said = ask_for_bytes(folder, *words)
    return None if said is None else said.decode("utf-8", "surrogateescape").removesuffix("\n")


def ask_for_bytes(folder: Path, *words: str) -> bytes | None:
    """The same, to the byte."""
    try:
        import git
    except ImportError:  # GitPython's way to say that there is no program `git`
        return None
    try:
        return _execute(folder, *words)
    except (git.GitError, OSError):  # "dubious ownership" is one of its refusals
        return None


def _execute(folder: Path, *words: str) -> bytes:
    import git

    argv = [*_GIT, *_OPTIONS, *words]
    return bytes(git.Git(folder).execute(argv, stdout_as_string=False, strip_newline_in_stdout=False))
