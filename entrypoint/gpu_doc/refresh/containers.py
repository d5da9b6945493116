"""The engines and images that the runs of a refresh share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from gpu_doc.model.configuration import Config, ImageIdentity, Run
from gpu_doc.plan.plan import Plan
from gpu_doc.refresh.planning import Doors, plan

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker


def containers(config: Config, doors: Doors, stack: ExitStack) -> Docker | None:
    """What runs in containers share; None if no run has an image."""
    if not any(run.image for report in config.reports for run in report.runs):
        return None
    from gpu_doc.execution.runs.docker import Docker
    from gpu_doc.system.temporary import private_folder

    checkout = doors.work_tree() or config.root
    runtime = stack.enter_context(private_folder(room=len("/e0/engine.sock")))
    return stack.enter_context(
        Docker(
            environ=doors.environ,
            root=config.root,
            checkout=checkout,
            config=config.path,
            runtime=runtime,
            layer=doors.state.owner,
            say=doors.console.warn,
        )
    )


def plan_with_images(config: Config, doors: Doors, docker: Docker, planned: Plan, *, force: bool) -> Plan:
    """Get the images of all runs that may be executed, and plan with them. `planned` is the plan without pulling."""

    def images(run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
        return docker.identity(run, known) or doors.images(run, known)

    wanted = _without_image(planned, docker)
    while True:
        docker.prepare(wanted, doors.console.note)
        planned = plan(config, doors, force=force, images=images)
        wanted = _without_image(planned, docker)
        if not wanted:  # otherwise another run has become stale meanwhile
            return planned


def _without_image(planned: Plan, docker: Docker) -> list[tuple[Run, ImageIdentity | None]]:
    """Return the runs that may be executed and whose image was not prepared yet, each with the one in evidence."""
    found = [
        (each.run, report.known_image(each.run))
        for report in planned.reports
        for each in report.runs
        if each.run.image and (not each.fresh or each.run.pull == "always")
    ]
    return [each for each in found if not docker.identity(*each) and not docker.problem(*each)]
