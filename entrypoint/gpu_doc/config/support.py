"""What the configuration can say already and this version does not do yet."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.model import Config

_BINDING = frozenset({"time", "cell-time", "output"})
"""The limits that bind a local run."""


def not_yet(config: Config, publish: str | None) -> None:
    """Refuse what a later version will do, rather than pass over it in silence.

    `publish` is the command line's: a mode, `config` for that of the configuration, or None.
    Raises ConfigError, whose `details` have one line for each place, or UsageError where only the command line asks.
    """
    mode = config.publish.mode if publish == "config" else publish
    asked = [f"--publish {mode}: publishing comes in a later version; `none` writes into the checkout"]
    asked = asked if mode not in (None, "none") else []
    written = sorted(set(_written(config)))
    if not written and not asked:
        return
    name = config.path.relative_to(config.root).as_posix()
    details = "\n".join([f"{name}:{line}: {text}" for line, text in written] + asked)
    what = "this version of gpu-doc cannot do all that is asked for yet"
    if written:
        where = f"{name}:{written[0][0]}" if len(written) == 1 else name
        remedy = "Take these lines out for now" + ", and leave the options out" * bool(asked) + "."
        raise ConfigError(what, where=where, remedy=remedy, details=details)
    raise UsageError(what, remedy="Leave this option out for now.", details=details)


def unbound_limits(config: Config) -> str | None:
    """Name, in one sentence, the written limits that do not bind local runs."""
    local = [run for report in config.reports for run in report.runs if not run.image]
    written = {key for run in local for key in run.limits.written} - _BINDING
    if not written:
        return None
    names = ", ".join(f"`{key}`" for key in sorted(written))
    verb = "binds" if len(written) == 1 else "bind"
    return f"limits: {names} {verb} containers only, not these local runs"


def _written(config: Config) -> Iterator[tuple[int, str]]:
    """Find the lines that ask for it."""
    for report in config.reports:
        if report.expect:
            yield config.lines[report.path, "expect"], "`expect`: claims are checked in a later version"
        for run in report.runs:
            if run.secrets:
                why = "handing secrets through comes in a later version, together with their redaction"
                yield config.lines[report.path, run.name, "secrets"], f"`secrets`: {why}"
    if config.capture.allow_hosts:
        yield (
            config.lines["capture", "allow-hosts"],
            "`allow-hosts`: pictures load nothing yet; this comes in a later version",
        )
