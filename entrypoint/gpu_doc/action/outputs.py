"""Makes the outputs that action.yml declares."""

from __future__ import annotations

import json

from gpu_doc.errors import Exit
from gpu_doc.model.publishing import Published
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.refreshing import Outcome


def of_plan(plan: Plan) -> dict[str, str]:
    """The outputs that are known before anything runs."""
    return {"plan": _json(plan.to_json()), "stale": _truth(not plan.fresh)}


def of_run(outcome: Outcome, published: Published) -> dict[str, str]:
    """The outputs that are known at the end."""
    failed = any(error.exit_code != Exit.FINDING for error in outcome.errors)
    return {
        "changed": _truth(bool(published.changed)),
        "reports": _json(list(published.changed)),
        "failed": _truth(failed),
        "commit-sha": published.commit,
        "pull-request-number": "" if published.number is None else str(published.number),
        "pull-request-url": published.url,
        "pull-request-operation": published.operation,
    }


def _truth(value: bool) -> str:  # noqa: FBT001 - a boolean is what it is about
    return "true" if value else "false"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
