"""Writes a run's outputs, preview and job summary for GitHub's runner."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.action import outputs
from gpu_doc.action import step as actions
from gpu_doc.errors import GpuDocError
from gpu_doc.git.checkout import work_tree
from gpu_doc.model.configuration import Config
from gpu_doc.model.publishing import Published
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.refreshing import Outcome

if TYPE_CHECKING:
    from gpu_doc.github.event import Event
    from gpu_doc.model.changes import ReportChange


def leave(
    config: Config,
    planned: Plan,
    ended: tuple[Outcome, Published],
    event: Event | None,
    environ: Mapping[str, str],
    *,
    partial: bool,
) -> None:
    """Write all of it. `config` has the refreshed reports, `partial` if only chosen ones; `planned` says why."""
    outcome, published = ended
    actions.set_outputs(outputs.of_run(outcome, published), environ)  # they are right even if the rest fails
    changes: Sequence[ReportChange] = ()
    if published.changed and work_tree(config.root):  # without git, there is nothing to compare with
        changes, more = _shown(config, event, environ, partial=partial)
        actions.set_outputs(more, environ)
    from gpu_doc.action.job_summary import job_summary

    text = job_summary(
        plan=planned,
        results=outcome.results,
        errors=outcome.errors,
        changes=changes,
        published=published,
        written=outcome.written,
        left=outcome.failed,
    )
    actions.add_summary(text, environ)


def leave_failure(error: GpuDocError, environ: Mapping[str, str]) -> None:
    """Write the summary of a run that failed before it began."""
    from gpu_doc.action.job_summary import job_summary

    actions.add_summary(job_summary(plan=None, errors=[error]), environ)


def preview_name(config: Config, tree: Path, *, partial: bool) -> str:
    """The name of the page and of its artifact: different for each configuration and each choice of its reports."""
    from gpu_doc.publish.target import slug_of

    slugs = [slug_of(config.path.relative_to(tree).as_posix())]
    if partial:
        paths = sorted(report.path for report in config.reports)
        first = re.sub(r"[^\w.-]+", "-", paths[0] if paths else "none")[:60]
        others = f"-{sha256(' '.join(paths).encode('utf-8', 'replace')).hexdigest()[:8]}" if len(paths) > 1 else ""
        slugs.append(f"{first}{others}")
    return "-".join(["gpu-doc-preview", *filter(None, slugs)]) + ".html"


def _shown(
    config: Config, event: Event | None, environ: Mapping[str, str], *, partial: bool
) -> tuple[Sequence[ReportChange], dict[str, str]]:
    """Return the changes that a reader sees; for a pull request, also write the preview page."""
    from gpu_doc.changes.changes import to_json
    from gpu_doc.preview.preview import preview

    # A new folder, since a job may use the action several times.
    out = Path(tempfile.mkdtemp(prefix="gpu-doc-preview-", dir=environ.get("RUNNER_TEMP") or None))
    page, changes, _ = preview(config, base="", event=event, out=out)
    tree = work_tree(config.root) or config.root
    page = page.rename(page.with_name(preview_name(config, tree, partial=partial)))
    return changes, {"changes": to_json(changes), "preview-path": str(page)}
