"""Refuses or notes keys of the configuration that have no effect yet, or none on a local run."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_doc.errors import ConfigError
from gpu_doc.model.configuration import Config
from gpu_doc.model.location import Problem

_BINDING = frozenset({"time", "cell-time", "output"})
"""The limits that bind a local run."""


def not_yet(config: Config) -> None:
    """Refuse keys that only a later version supports, so that they are not ignored silently.

    Raises ConfigError, whose `details` have one line for each place.
    """
    written = sorted(set(_written(config)))
    if not written:
        return
    raise ConfigError(
        "this version of gpu-doc cannot do all that is asked for yet",
        where=config.at(written[0][0] if len(written) == 1 else 0),
        remedy="Take these lines out for now.",
        details="\n".join(str(Problem(config.at(line), text)) for line, text in written),
    )


def unbound_limits(config: Config) -> str | None:
    """Return one sentence with the configured limits that don't apply to local runs; None without any."""
    local = [run for report in config.reports for run in report.runs if not run.image]
    written = {key for run in local for key in run.limits.written} - _BINDING
    if not written:
        return None
    names = ", ".join(f"`{key}`" for key in sorted(written))
    verb = "binds" if len(written) == 1 else "bind"
    return f"limits: {names} {verb} containers only, not these local runs"


def _written(config: Config) -> Iterator[tuple[int, str]]:
    """Yield the lines with such keys, and why."""
    for report in config.reports:
        if report.expect:
            yield config.lines[report.path, "expect"], "`expect`: claims are checked in a later version"
    if config.capture.allow_hosts:
        yield (
            config.lines["capture", "allow-hosts"],
            "`allow-hosts`: pictures load nothing yet; this comes in a later version",
        )
