"""What the configuration can say already and this version does not do yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.model import Config, Run

_BINDING = frozenset({"time", "cell-time", "output"})
"""The limits that bind a local run."""


def not_yet(config: Config, executor: Literal["auto", "local", "docker"], publish: str | None) -> None:
    """Refuse what a later version will do, rather than pass over it in silence.

    `publish` is the command line's: a mode, `config` for that of the configuration, or None.
    Raises ConfigError, whose `details` have one line for each place, or UsageError where only the command line asks.
    """
    mode = config.publish.mode if publish == "config" else publish
    asked = [f"--publish {mode}: publishing comes in a later version; `none` writes into the checkout"]
    asked = asked if mode not in (None, "none") else []
    images = any(run.image for report in config.reports for run in report.runs)
    if executor == "docker" and not images:
        asked.append(f"--executor docker: {_DOCKER}")
    written = sorted(set(_written(config, docker=executor != "local")))
    if not written and not asked:
        return
    name = config.path.relative_to(config.root).as_posix()
    details = "\n".join([f"{name}:{line}: {text}" for line, text in written] + asked)
    what = "this version of gpu-doc cannot do all that is asked for yet"
    if written:
        where = f"{name}:{written[0][0]}" if len(written) == 1 else name
        raise ConfigError(what, where=where, remedy=_remedy([text for _, text in written], asked), details=details)
    raise UsageError(what, remedy="Leave this option out for now.", details=details)


def _remedy(texts: list[str], asked: list[str]) -> str:
    """What can be done about what lines of the configuration and options ask for."""
    images = [text for text in texts if text.startswith("`image`:")]
    out = "Take these lines out for now" + ", and leave the options out" * bool(asked)
    if not images:
        return f"{out}."
    if len(images) == len(texts) and not asked:
        return "Add `--executor local` for now, or take these lines out."
    return f"{out}; `image` may stay with `--executor local`."


def unbound_limits(config: Config) -> str | None:
    """Name, in one sentence, the written limits that do not bind a local run."""
    written = {key for report in config.reports for run in report.runs for key in run.limits.written} - _BINDING
    if not written:
        return None
    names = ", ".join(f"`{key}`" for key in sorted(written))
    verb = "binds" if len(written) == 1 else "bind"
    return f"limits: {names} {verb} containers only, not these local runs"


_DOCKER = "Docker runs come in a later version; `--executor local` runs it with the local Python"


def _written(config: Config, *, docker: bool) -> Iterator[tuple[int, str]]:
    """Find the lines that ask for it."""
    for report in config.reports:
        if report.expect:
            yield config.lines[report.path, "expect"], "`expect`: claims are checked in a later version"
        for run in report.runs:
            for key, why in _used(run, docker=docker):
                yield config.lines[report.path, run.name, key], f"`{key}`: {why}"
    if config.capture.allow_hosts:
        yield (
            config.lines["capture", "allow-hosts"],
            "`allow-hosts`: pictures load nothing yet; this comes in a later version",
        )


def _used(run: Run, *, docker: bool) -> Iterator[tuple[str, str]]:
    if run.secrets:
        yield "secrets", "handing secrets through comes in a later version, together with their redaction"
    if run.requires:
        yield "requires", "GPUs are looked for in a later version"
    if run.detach:
        yield "detach", "commands that outlive gpu-doc come in a later version"
    if docker and run.image:
        yield "image", _DOCKER
