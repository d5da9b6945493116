"""The engines and images that the runs of a refresh share."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_doc.model.configuration import Config

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker
from gpu_doc.refresh.doors import Doors
from gpu_doc.refresh.planning import plan


def containers(config: Config, doors: Doors, stack: ExitStack) -> Docker | None:
    """What runs in containers share; None where no run has an image."""
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


def with_images(config: Config, doors: Doors, docker: Docker, *, force: bool) -> Doors:
    """Have the images of all that may be executed, and take these for what is planned from here on."""
    wanted = [
        (each.run, report.known_image(each.run))
        for report in plan(config, doors, force=force).reports
        for each in report.runs
        if each.run.image and (not each.fresh or each.run.pull == "always")
    ]
    docker.prepare(wanted, doors.console.note)
    before = doors.machine.image
    machine = replace(doors.machine, image=lambda run, known: docker.identity(run, known) or before(run, known))
    return replace(doors, machine=machine)
