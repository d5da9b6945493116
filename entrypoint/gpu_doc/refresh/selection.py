"""Applies the command line to the configuration: which reports and runs, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.model.configuration import Config, Report, Run
from gpu_doc.model.location import Location


def with_executor(
    config: Config,
    executor: Literal["auto", "local", "docker"],
    *,
    image: str | None = None,
    gpus: str | int | tuple[int | str, ...] | None = None,
    pull: str | None = None,
) -> Config:
    """Return the configuration with the command line's choice of where runs happen; None changes nothing.

    Raises UsageError if a run should be in a container and has no image.
    """
    said: dict[str, Any] = {"image": image, "gpus": gpus, "pull": pull}
    said = {name: value for name, value in said.items() if value is not None}
    if not said and executor == "auto":
        return _with_views(config)

    def changed(run: Run) -> Run:
        run = replace(run, **said)
        if executor == "docker" and not run.image:
            remedy = f"Give it an `image`, or leave it to `--executor auto`: line {run.line} of {config.path.name}."
            raise UsageError(f"the run {run.address} has no image to run in", where=Location(run.report), remedy=remedy)
        return replace(run, image=None, configured_image=run.image) if executor == "local" else run

    reports = (replace(report, runs=tuple(map(changed, report.runs))) for report in config.reports)
    return _with_views(replace(config, reports=tuple(reports)))


def _with_views(config: Config) -> Config:
    """Return the configuration. Raises ConfigError if a run on this machine should see only what it declares."""
    for run in (run for report in config.reports for run in report.runs):
        if run.inputs == "declared" and not run.image:
            raise ConfigError(
                f"the run {run.address} has `inputs: declared`, and no container: here, a run sees every file",
                where=config.at_key(run, "inputs"),
                remedy="Give it an `image`, or leave it to `inputs: observed`, which watches what it reads.",
            )
    return config


def with_publishing(config: Config, *, branch: str, labels: Sequence[str] | None = None) -> Config:
    """Return the configuration with the command line's settings for publishing; empty and None change nothing."""
    publish = replace(config.publish, branch=branch) if branch else config.publish
    publish = publish if labels is None else replace(publish, labels=tuple(labels))
    return replace(config, publish=publish)


def select(config: Config, wanted: Sequence[str], *, here: Path) -> Config:
    """Return the configuration with only the named reports; names are paths from root or from the working folder."""
    if not wanted:
        return config
    by_path = {report.path: report for report in config.reports}
    chosen: dict[str, Report] = {}
    for name in wanted:
        # Not resolve(): a report may be a link, and root may be below one.
        spellings = (
            os.path.relpath(here / name, config.root),
            os.path.relpath((here / name).resolve(), config.root.resolve()),
        )
        report = next((by_path[path] for path in (name, *spellings) if path in by_path), None)
        if report is None:
            from gpu_doc.text.nearest import did_you_mean  # imported only after a mistake

            known = ", ".join(by_path) or "none"
            remedy = did_you_mean(name, by_path) or f"Name one of these: {known}."
            raise UsageError(f"no report `{name}` is configured", remedy=remedy)
        chosen[report.path] = report
    return replace(config, reports=tuple(chosen.values()))


def own_files(config: Config) -> list[str]:
    """Return what we write into the checkout, relative to root; folders with a trailing slash."""
    own = [name for report in config.reports for name in (report.path, f"{report.assets}/", *report.mended)]
    return [*own, ".gpu-doc/"]
