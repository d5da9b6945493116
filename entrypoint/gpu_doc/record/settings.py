"""The settings that a rendered report shows although they are not part of a run."""

from __future__ import annotations

from collections.abc import Container, Mapping

from gpu_doc.model.configuration import Capture, Report, Run
from gpu_doc.model.values import Json
from gpu_doc.record.fingerprint import short_hash


def settings_of(report: Report, capture: Capture, *, launched: Container[str]) -> dict[str, Json]:
    """Return the settings that a rendered report shows although they are not part of a run.

    `launched`: the addresses of the runs whose launch_command() the report shows.
    """
    fit = {"fit": report.fit} if report.fit != Report.fit else {}
    site = {"for": report.site} if report.site != Report.site else {}
    width = capture.page_width(report)
    settings: dict[str, Json] = {
        "capture": {"width": width, "scale": capture.scale, "theme": capture.theme, **fit, **site},
        "runs": {run.address: shown for run in report.runs if (shown := _shown(run))},
    }
    launches = {run.address: _launched(run) for run in report.runs if run.address in launched}
    return settings | ({"launches": launches} if launches else {})


def _shown(run: Run) -> dict[str, Json]:
    shown = {"image": run.image, "setup": run.setup, "data": [source.path for source in run.data]}
    return {key: value for key, value in shown.items() if value}


def _launched(run: Run) -> str:
    """Return a short hash of the settings that launch_command() shows and a fingerprint does not contain."""
    limits = run.limits
    return short_hash(
        [
            [limits.memory, limits.cpus, limits.shm, limits.processes, run.network, run.user, run.bootstrap],
            [run.gpus, run.gpu_driver, run.env, run.secrets, dict(run.caches)],
        ]
    )


def same_settings(before: Mapping[str, Json], now: Mapping[str, Json], part: str, address: str) -> bool:
    """Return whether two results of `settings_of` are the same for a run."""
    return bool((before.get(part) or {}).get(address) == (now.get(part) or {}).get(address))
