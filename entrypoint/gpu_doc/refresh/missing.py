"""What the runs of a report need and can't have here: images and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpu_doc import redaction
from gpu_doc.errors import ConfigError, GpuDocError
from gpu_doc.model.configuration import Config, Run
from gpu_doc.refresh.work import Work

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker


def missing(work: Work, config: Config, docker: Docker | None, environ: Mapping[str, str]) -> list[GpuDocError]:
    """Return why runs of a report can't begin."""
    waiting = [plan.run for plan in work.plan.runs if plan.run.address in work.waiting]
    found: list[GpuDocError | None] = [_without_secrets(run, config, environ) for run in waiting]
    if docker:
        # Runs that wait need their image, and those that always pull theirs.
        runs = [each.run for each in work.plan.runs if each.run.image]
        asked = [run for run in runs if run.address in work.waiting or run.pull == "always"]
        found += [docker.problem(run, work.plan.known_image(run)) for run in asked]
    return [problem for problem in found if problem]


def _without_secrets(run: Run, config: Config, environ: Mapping[str, str]) -> ConfigError | None:
    """Why a run can't have its secrets."""
    missing = redaction.missing(run, environ)
    if not missing:
        return None
    names = ", ".join(f"`{name}`" for name in missing)
    variables = ", ".join(f"{name}: ${{{{ secrets.{name} }}}}" for name in missing)
    return ConfigError(
        f"the run {run.address} needs {names}, which {'is' if len(missing) == 1 else 'are'} not set here",
        where=config.at_key(run, "secrets"),
        remedy=f"Set it in the environment of gpu-doc; in a workflow, `env: {{{variables}}}`. "
        "GitHub gives no secrets to pull requests from forks.",
    )
