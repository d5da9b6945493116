"""Runs the program git through GitPython, in an environment that we choose, and keeps secrets out of its messages."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpu_doc.errors import PublishError
from gpu_doc.git import refusals, settings
from gpu_doc.git.asking import TRUSTING
from gpu_doc.git.commits import Remote
from gpu_doc.resources import template_path
from gpu_doc.system.retrying import patiently

PAUSES = (1.0, 4.0, 15.0)
"""Seconds to wait before asking an unreachable server again."""

_KEPT = re.compile(r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_\w+|HTTP_\w+|EXEC_PATH|ASKPASS|CONFIG_\w+)")
"""Those of git's variables that say how it reaches servers. The others would change where it works."""

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Done:
    """The result of a call of git."""

    status: int
    output: bytes
    words: str
    """What it wrote to standard error."""

    @property
    def text(self) -> str:
        """The output; bytes that are not UTF-8 become surrogates."""
        return self.output.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, kw_only=True)
class Program:
    """git, with the environment and words for one repository."""

    folder: Path
    checkout: Path
    """Named in messages, like the remote."""
    remote: Remote
    environ: Mapping[str, str] = field(repr=False)
    """The caller's environment; of the GIT_ variables, only those for reaching servers are passed on."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """More variables, for each call."""
    pauses: Sequence[float] = PAUSES

    def run(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
        """Run git with `given` as standard input and more variables. Raises PublishError if git is not installed."""
        try:
            import git
        except ImportError as error:  # GitPython's way to say that there is no program `git`
            raise PublishError("git is not installed", remedy="Install git, and have it on PATH.") from error
        dropped = [name for name in self.environ if name.startswith("GIT_") and not _KEPT.fullmatch(name)]
        # No program that git calls needs the token: it is in the header that we add.
        dropped += ["INPUT_TOKEN"] if "INPUT_TOKEN" in self.environ else []
        # GitPython can add variables but not remove any.
        argv = ["env", *(word for name in dropped for word in ("-u", name)), *self._git, *words]
        with tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            status, output, said = git.Git(self.folder).execute(
                argv,
                istream=stdin,
                env={**self.variables, **(variables or {})},
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        return Done(int(status), bytes(output), self.clean(said))

    @property
    def _git(self) -> list[str]:
        """The command for git; on a runner, where we have a token, it also works in checkouts of other users."""
        trusted = [f"GIT_CONFIG_SYSTEM={template_path('runner.gitconfig')}", "git", *TRUSTING]
        return trusted if self.remote.token else ["git"]

    def ask(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
        """Run git. Raises PublishError or RejectedError, with a remedy, if it fails."""
        done = self.run(*words, given=given, variables=variables)
        if done.status:
            raise self.meaning(f"{done.words}\n{done.text}")
        return done

    def ask_server(self, *words: str, variables: Mapping[str, str] | None = None) -> Done:
        """Run git; try again after a pause if a server can't be reached. Raises as `ask` does."""
        return patiently(lambda: self.ask(*words, variables=variables), refusals.UnreachableError, pauses=self.pauses)

    def meaning(self, words: str) -> PublishError:
        """Return the error that git's messages mean."""
        return refusals.meaning(words, remote=self.clean(self.remote.url), checkout=str(self.checkout))

    def clean(self, text: str) -> str:
        """Return text without the token, and without logins in addresses."""
        if token := self.remote.token:
            text = text.replace(token, "***").replace(settings.encoded(token), "***")
        return _LOGIN.sub("***@", text)
