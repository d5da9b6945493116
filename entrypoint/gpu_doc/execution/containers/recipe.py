"""Makes the Engine API's description of a run's container; these functions need no engine.

https://docs.docker.com/reference/api/engine/ - POST /containers/create
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gpu_doc.execution.agent.jobs import CommandJob, KernelJob
from gpu_doc.execution.agent.kernel_names import PYTHON
from gpu_doc.execution.agent.pseudo_terminal import COLUMNS, LONGEST_LOG, ROWS
from gpu_doc.execution.gpus.requests import NO_GPUS
from gpu_doc.model.configuration import Limits, Run
from gpu_doc.model.values import Json

WORKSPACE = "/workspace"
"""The checkout's path in a container."""

HOME = "/gpu-doc"
"""The folder for our agent and what else a run needs; a volume that is removed with the container."""

"""Possible names of an image's Python; the first that can be started is used."""

NAME = "runner"
"""The name for a user id that the image does not know."""

_START = f"import sys; sys.path.insert(0, {HOME!r}); from gpu_doc.execution.agent.agent import main; main(sys.argv[1:])"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder of the engine's machine, mounted at the same path or at `target`."""

    source: str
    target: str
    writable: bool = False
    kind: Literal["bind", "volume"] = "bind"
    """For a volume, `source` is its name."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The environment of a run, once engine, image and user are known."""

    image: str
    """The image's id."""
    user: tuple[int, int] | None
    """User and group id; None is the image's own user."""
    mounts: tuple[Mount, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Named volumes that outlive the run, by mount path: caches, if the engine can't see our folders."""
    masked: tuple[tuple[str, bool], ...] = ()
    """Paths in the workspace to hide, and whether each is a folder."""
    devices: tuple[Mapping[str, Json], ...] = ()
    """The API's DeviceRequests: GPUs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables that the configuration's `env` passes in."""
    labels: Mapping[str, str] = field(default_factory=dict)
    unlabelled: bool = False
    """Whether SELinux would forbid the container to read mounted folders."""


def payload(run: Run, setting: Setting, place: str) -> dict[str, Json]:
    """Return the request that creates the container of a run that starts in the folder `place`."""
    config: dict[str, Json] = {
        "Image": setting.image,
        "Entrypoint": [PYTHON, "-u", "-c", _START],
        "Cmd": [],
        "WorkingDir": place,
        "Env": [f"{name}={value}" for name, value in environment(run, setting).items()],
        "Labels": dict(setting.labels),
        "AttachStdin": not run.detach,
        "OpenStdin": not run.detach,
        "StdinOnce": not run.detach,
        "AttachStdout": True,
        "AttachStderr": True,
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(run, setting),
    }
    if setting.user:
        config["User"] = f"{setting.user[0]}:{setting.user[1]}"
    return config


def with_python(config: Mapping[str, Json], python: str) -> dict[str, Json]:
    """Return the request with another name of the image's Python."""
    return {**config, "Entrypoint": [python, *config["Entrypoint"][1:]]}


def with_mount(config: Mapping[str, Json], mount: Mapping[str, Json]) -> dict[str, Json]:
    """Return the request with one more mount."""
    host = config["HostConfig"]
    return {**config, "HostConfig": {**host, "Mounts": [*host["Mounts"], dict(mount)]}}


def environment(run: Run, setting: Setting) -> dict[str, str]:
    """Return the container's environment; of the runner's variables, only the listed ones."""
    cache = f"{HOME}/home/.cache"
    own = {
        "HOME": f"{HOME}/home",
        "USER": NAME,
        "LOGNAME": NAME,
        "XDG_CACHE_HOME": cache,
        "MPLCONFIGDIR": f"{cache}/matplotlib",
        "TORCHINDUCTOR_CACHE_DIR": f"{cache}/torchinductor",
        "IPYTHONDIR": f"{HOME}/home/.ipython",
    }
    found = own if setting.user else {}
    if run.command:
        found |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    if run.limits.cpus:
        # Libraries start a thread for each of the machine's cores, even if they may use only a few.
        found["OMP_NUM_THREADS"] = str(max(1, math.ceil(run.limits.cpus)))
    if setting.devices:
        found["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    if not any(device.get("Driver") == "nvidia" for device in setting.devices):
        # An image may set `all`, which NVIDIA's runtime obeys if it is the engine's default. CDI gives only what is
        # requested.
        found |= NO_GPUS
    return {**found, **run.caches, **setting.environment}


def capped(limits: Limits, *, cpus: int, memory: int) -> tuple[Limits, tuple[str, ...]]:
    """Return the limits, lowered to what the machine has, and a sentence for each change."""
    sentences = []
    if limits.cpus and cpus and limits.cpus > cpus:
        sentences.append(f"`limits.cpus` is {limits.cpus:g}, this machine has {cpus}: capped")
        limits = replace(limits, cpus=float(cpus))
    if limits.memory and memory and limits.memory > memory:
        sentences.append(
            f"`limits.memory` is {limits.memory / 1e9:.1f} GB, this machine has {memory / 1e9:.1f} GB: capped"
        )
        limits = replace(limits, memory=memory)
    return limits, tuple(sentences)


def _host_config(run: Run, setting: Setting) -> dict[str, Json]:
    limits = run.limits
    config: dict[str, Json] = {
        "NetworkMode": run.network,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", *["label=disable"] * setting.unlabelled],
        "PidsLimit": limits.processes,
        "ShmSize": limits.shm,
        "Init": True,
        # Output reaches us through the attached stream. The engine's own copy would only fill its disk.
        "LogConfig": {"Type": "none", "Config": {}},
        "Mounts": [*_volumes(setting), *(_bind(mount) for mount in setting.mounts)],
        "Tmpfs": {path: "ro,size=4k" for path, folder in setting.masked if folder},
        "DeviceRequests": [dict(request) for request in setting.devices],
    }
    config["Mounts"] += [_bind(Mount(source="/dev/null", target=path)) for path, folder in setting.masked if not folder]
    if limits.memory:
        config["Memory"] = config["MemorySwap"] = limits.memory
    if limits.cpus:
        config["NanoCpus"] = int(limits.cpus * 1e9)
    return config


def _volumes(setting: Setting) -> list[dict[str, Json]]:
    """Anonymous volumes are removed with the container. Temporary folders are scratch too."""
    scratch = [anonymous(path, setting.labels) for path in (HOME, "/tmp", "/var/tmp")]  # noqa: S108 - in the container
    kept = [{"Type": "volume", "Source": name, "Target": path} for path, name in setting.volumes.items()]
    return [*scratch, *kept]


def anonymous(target: str, labels: Mapping[str, str]) -> dict[str, Json]:
    """Return a volume that is removed with its container."""
    return {"Type": "volume", "Target": target, "VolumeOptions": {"Labels": dict(labels)}}


def named_volumes(create: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the named volumes in a request to create a container."""
    mounts = create["HostConfig"].get("Mounts") or []
    return frozenset(each["Source"] for each in mounts if each["Type"] == "volume" and each.get("Source"))


def overlay(lower: str, upper: str, work: str, labels: Mapping[str, str]) -> dict[str, Json]:
    """Return the checkout as a copy-on-write view: writes go to `upper`."""
    # https://docs.kernel.org/filesystems/overlayfs.html: these characters separate options and layers.
    escaped = "".join(f"\\{letter}" if letter in "\\:," else letter for letter in lower)
    options = {"type": "overlay", "device": "overlay", "o": f"lowerdir={escaped},upperdir={upper},workdir={work}"}
    driver = {"Name": "local", "Options": options}
    volume = {"NoCopy": True, "Labels": dict(labels), "DriverConfig": driver}
    return {"Type": "volume", "Target": WORKSPACE, "VolumeOptions": volume}


def _bind(mount: Mount) -> dict[str, Json]:
    return {"Type": mount.kind, "Source": mount.source, "Target": mount.target, "ReadOnly": not mount.writable}


def agent_job(
    run: Run, places: Sequence[str], secrets: Mapping[str, str], watched: Sequence[str] = ()
) -> KernelJob | CommandJob:
    """Return the agent's job; `places` are the folder where the run starts, and the root; `watched` as in the job."""
    if not run.command:
        kernel = run.kernel or ""
        return KernelJob(places[0], tuple(places), run.produces, kernel, secrets=secrets, watched=tuple(watched))
    return CommandJob(
        command=run.command,
        cwd=places[0],
        places=tuple(places),
        produces=run.produces,
        columns=COLUMNS,
        rows=ROWS,
        # Output of an attached container is cut on our side, which outlives a killed container.
        limit=min(run.limits.output, LONGEST_LOG) if run.detach else LONGEST_LOG,
        detach=run.detach,
        time=run.limits.time,
        secrets=secrets,
        watched=tuple(watched),
    )


def passwd(known: str, group: str, user: tuple[int, int]) -> tuple[str, str]:
    """Return /etc/passwd and /etc/group with entries for a user whom the image may not know."""
    uid, gid = user
    if not _has(known, uid):
        known = f"{_ended(known)}{NAME}:x:{uid}:{gid}::{HOME}/home:/bin/sh\n"
    if not _has(group, gid):
        group = f"{_ended(group)}{NAME}:x:{gid}:\n"
    return known, group


def _has(table: str, number: int) -> bool:
    return any(line.split(":")[2:3] == [str(number)] for line in table.splitlines())


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def ids(table: str, user: str) -> tuple[int, int]:
    """Return user and group id for an image's `User` (`""`, `1000`, `jovyan:users`), by its /etc/passwd."""
    name, _, group = user.partition(":")
    for line in table.splitlines():
        words = line.split(":")
        if len(words) > 3 and (words[0] == name or words[2] == name):
            return int(words[2]), int(group) if group.isdigit() else int(words[3])
    return (int(name) if name.isdigit() else 0), (int(group) if group.isdigit() else 0)
