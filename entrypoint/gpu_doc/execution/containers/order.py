"""What makes a run's container, and what its agent is to do there: all that the process needs which drives the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_doc.execution.agent.jobs import CommandJob, KernelJob, LabJob
from gpu_doc.model.values import Json


@dataclass(frozen=True, kw_only=True)
class Order:
    """A container that is to be made; see execution/runs/container_setup.py."""

    engine: Mapping[str, str]
    """Its address."""
    reference: str
    """The image, for messages."""
    create: Mapping[str, Json]
    """What creates it, in the words of the engine's API (recipe.py)."""
    job: KernelJob | CommandJob | LabJob
    user: tuple[int, int] | None
    """User and group id; None is the image's own user."""
    image_user: str
    overlay: str | None = None
    """The folder on the engine's machine over which the workspace is laid."""
    checkout: str | None = None
    """The folder here that is the workspace, copied where there is no overlay."""
    only: tuple[str, ...] | None = None
    """The files and folders of the checkout that are copied; None: all."""
    left_out: tuple[str, ...] = ()
    """Data within the checkout that is not copied with it."""
    own_folders: tuple[str, ...] = ()
    """Folders in the container that belong to the run's user."""
