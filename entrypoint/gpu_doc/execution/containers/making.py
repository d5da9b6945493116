"""How a container comes to be, in two steps: it is created, and filled with what its run needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpu_doc.execution.agent.messages import write
from gpu_doc.execution.containers import container_answers, recipe, taking_out, workspace
from gpu_doc.execution.containers.order import Order


def create(api: Any, order: Order, python: str, volumes: list[str]) -> str:
    """Create the container with this name of Python, and give its id; `volumes` gets the names of those made for it."""
    config = recipe.with_python(order.create, python)
    labels = config["Labels"]
    if order.overlay:
        upper, work = (_volume(api, labels, volumes) for _ in range(2))
        config = recipe.with_mount(config, recipe.overlay(order.overlay, upper, work, labels))
    elif order.checkout:
        config = recipe.with_mount(config, recipe.anonymous(recipe.WORKSPACE, labels))
    return container_answers.identity(api.create_container_from_config(config), "a container")


def fill(api: Any, container: str, order: Order) -> None:
    """Put into it what `workspace` packs: our agent and its job, an entry for the user, the checkout."""
    known = taking_out.small_file(api, container, "/etc/passwd")
    user = order.user or recipe.ids(known, order.image_user)
    texts = {f"{recipe.HOME}/job.json": write(order.job).decode()}
    if order.user:
        entries = recipe.passwd(known, taking_out.small_file(api, container, "/etc/group"), order.user)
        texts |= dict(zip(("/etc/passwd", "/etc/group"), entries, strict=True))
    parcel = workspace.Parcel(
        user=user,
        texts=texts,
        checkout=Path(order.checkout) if order.checkout and not order.overlay else None,
        only=None if order.only is None else frozenset(order.only),
        left_out=frozenset(order.left_out),
        own_folders=(*[recipe.WORKSPACE] * bool(order.checkout), *order.own_folders),
    )
    with workspace.packed(parcel) as stream:
        api.put_archive(container, "/", stream)


def _volume(api: Any, labels: Mapping[str, str], volumes: list[str]) -> str:
    """Make a volume, whose folder on the engine's machine an overlay may write to; gives that folder."""
    volume = container_answers.volume(api.create_volume(labels=dict(labels)))
    volumes.append(volume.name)
    return volume.folder
