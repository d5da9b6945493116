"""Replaces known secrets and tokens wherever they appear.

What is to be redacted: the values of a configuration's `secrets`, and our own tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gpu_doc.errors import ConfigError
from gpu_doc.redaction.redactor import MARK, SHORTEST, Redactor, Stream

if TYPE_CHECKING:
    from gpu_doc.model.configuration import Config, Run

__all__ = ["MARK", "Redactor", "Stream", "known", "missing", "refuse_short"]

_TOKEN = re.compile(r"(INPUT|GITHUB|GH|ACTIONS)_([\w-]+[_-])?TOKEN")
"""The variables with the tokens of GitHub, of its `gh`, and of the action."""


def known(config: Config | None, environ: Mapping[str, str], *more: Config) -> Redactor:
    """Return a redactor for the secrets of configurations that are set here, and our own tokens; not for short ones."""
    names = {name for each in (config, *more) for run in _runs(each) for name in run.secrets}
    names |= {name for name in environ if _TOKEN.fullmatch(name)}
    values = (environ.get(name, "").strip() for name in sorted(names))
    return Redactor(value for value in values if len(value) >= SHORTEST)


def refuse_short(config: Config, environ: Mapping[str, str]) -> None:
    """Raise ConfigError if a secret that is set is too short to be redacted."""
    lengths = {name: len(environ.get(name, "").strip()) for run in _runs(config) for name in run.secrets}
    short = sorted(name for name, length in lengths.items() if 0 < length < SHORTEST)
    if not short:
        return
    run = next(run for run in _runs(config) if short[0] in run.secrets)
    names = ", ".join(f"`{name}`" for name in short)
    raise ConfigError(
        f"the value of {names} is shorter than {SHORTEST} characters: to redact it would redact ordinary text",
        where=config.at_key(run, "secrets"),
        remedy="Take a longer secret; or name it under `env`, where nothing is redacted.",
    )


def missing(run: Run, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets of a run that are not set, or are empty; for a fork's pull request, all of them are."""
    return tuple(name for name in run.secrets if not environ.get(name, "").strip())


def _runs(config: Config | None) -> Iterator[Run]:
    return (run for report in (config.reports if config else ()) for run in report.runs)
