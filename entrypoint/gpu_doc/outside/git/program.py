"""The program git, run through GitPython: with an environment that we choose, and no secret in what it says."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpu_doc.errors import PublishError

_KEPT = re.compile(r"GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|PROXY_\w+|HTTP_\w+|EXEC_PATH|ASKPASS|CONFIG_\w+)")
"""Of the caller's variables for git those that say how it reaches servers; the others say where it would work."""

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Done:
    """How a call of git ended."""

    status: int
    output: bytes
    words: str
    """What it wrote to standard error."""

    @property
    def text(self) -> str:
        """The output; bytes that are no UTF-8 stand in it as surrogates."""
        return self.output.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, kw_only=True)
class Program:
    """git, as it runs in one place."""

    folder: Path
    environ: Mapping[str, str]
    """The caller's environment; of what begins with GIT_, only what reaches servers is handed on."""
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables for each call."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def run(self, *words: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> Done:
        """Run it with `given` as its standard input, and further variables.

        Raises PublishError: there is no git.
        """
        try:
            import git
        except ImportError as error:  # GitPython's way to say that there is no program `git`
            raise PublishError("git is not installed", remedy="Install git, and have it on PATH.") from error
        dropped = [name for name in self.environ if name.startswith("GIT_") and not _KEPT.fullmatch(name)]
        # GitPython can add variables but not take any away.
        argv = ["env", *(word for name in dropped for word in ("-u", name)), "git", *words]
        with tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            status, output, said = git.Git(self.folder).execute(
                argv,
                istream=stdin,
                env={**self.settings, **(variables or {})},
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
            )
        return Done(int(status), bytes(output), self.clean(said))

    def clean(self, text: str) -> str:
        """Return text without secrets, and without logins in addresses."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return _LOGIN.sub("***@", text)
