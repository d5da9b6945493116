"""Runs `gpu-doc lab` with the engine and the image of a run."""

from __future__ import annotations

import gc
from contextlib import ExitStack, closing
from pathlib import Path

from gpu_doc.model.configuration import Config
from gpu_doc.refresh.containers import containers
from gpu_doc.refresh.planning import Doors


def lab(config: Config, doors: Doors, notebook: str | None, *, here: Path, port: int) -> None:
    """Run JupyterLab in the image of the run that uses the notebook, until it ends; port 0 means any free port."""
    from gpu_doc import lab
    from gpu_doc.execution.containers.jupyterlab import reserve

    gc.enable()
    run = lab.choose(config, notebook, here=here)
    user = lab.person(doors.work_tree() or config.root)
    note = doors.console.note
    with ExitStack() as stack:
        listener = stack.enter_context(closing(reserve(port)))
        docker = containers(config, doors, stack)
        assert docker
        place = lab.place_of(run, docker, config, user, note)
        gpus = stack.enter_context(lab.lease(run, docker, doors.environ, note)).gpus
        lab.serve(place, gpus, listener, run.notebook if notebook else None, doors.console)
