"""Asks git about the checkout, with the checkout's configuration made safe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# Programs that the checkout's configuration names, such as filters, must not get the token to publish with.
_GIT = ["env", "-u", "INPUT_TOKEN", "git"]
_OPTIONS = [
    # Otherwise `status` writes the index, and fails while another git writes it.
    "--no-optional-locks",
    # An earlier job may have put a program into the configuration of a reused checkout.
    "-c",
    "core.fsmonitor=false",
]
TRUSTING = ("-c", "safe.directory=*")
"""These let git work in checkouts of other users; templates/runner.gitconfig does for older versions of git."""


def refused(tree: Path) -> str:
    """Return git's message if it refuses to work in a checkout, such as another user's; else empty."""
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
    """Use checkouts of other users too: on a runner, the job's container is root, and the runner made the checkout."""
    from gpu_doc.resources import template_path  # only a runner needs it

    _GIT[:] = ["env", "-u", "INPUT_TOKEN", f"GIT_CONFIG_SYSTEM={template_path('runner.gitconfig')}", "git"]
    if TRUSTING[1] not in _OPTIONS:
        _OPTIONS.extend(TRUSTING)


def ask(folder: Path, *words: str) -> str | None:
    """Return git's output in a folder, as text; None if git is not installed, refuses or fails."""
    answer = ask_for_bytes(folder, *words)
    return None if answer is None else answer.decode("utf-8", "surrogateescape").removesuffix("\n")


def ask_for_bytes(folder: Path, *words: str) -> bytes | None:
    """Return git's output in a folder, as bytes; None if git is not installed, refuses or fails."""
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


def ask_about(folder: Path, given: Iterable[str], *words: str) -> list[str] | None:
    """Return git's answer about many paths, which it reads from standard input; None as for `ask`."""
    try:
        import git
    except ImportError:
        return None
    import tempfile

    try:
        with tempfile.TemporaryFile() as listed:
            listed.write("".join(f"{path}\0" for path in given).encode("utf-8", "surrogateescape"))
            listed.seek(0)
            argv = [*_GIT, *_OPTIONS, *words, "-z", "--stdin"]
            # `check-ignore` exits with 1 if it has nothing to say.
            status, answer, _ = git.Git(folder).execute(
                argv, istream=listed, with_extended_output=True, with_exceptions=False, stdout_as_string=False
            )
    except (git.GitError, OSError):
        return None
    return None if status not in (0, 1) else bytes(answer).decode("utf-8", "surrogateescape").split("\0")[:-1]
