"""What a run's container is: the Engine API's own words, made by functions that need no engine.

https://docs.docker.com/reference/api/engine/ - POST /containers/create
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gpu_doc.execution.agent.kernel_names import PYTHON
from gpu_doc.execution.agent.pseudo_terminal import COLUMNS, LONGEST_LOG, ROWS
from gpu_doc.execution.gpus.requests import NO_GPUS
from gpu_doc.model.configuration import Limits, Run
from gpu_doc.model.values import Json

WORKSPACE = "/workspace"
"""Where the checkout stands in a container."""

HOME = "/gpu-doc"
"""Where our agent lies, and what a run needs besides the checkout; a volume that goes with the container."""

"""What an image's Python may be called; the first that can be started is used."""

NAME = "runner"
"""The user's name, for a user id that the image knows nothing of."""

_START = f"import sys; sys.path.insert(0, {HOME!r}); from gpu_doc.execution.agent.agent import main; main(sys.argv[1:])"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder of the engine's machine in the container, at the same path unless `target` says another."""

    source: str
    target: str
    writable: bool = False
    kind: Literal["bind", "volume"] = "bind"
    """A volume's `source` is its name."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a run finds around it, once engine, image and user are known."""

    image: str
    """The image's id."""
    user: tuple[int, int] | None
    """User and group id; None is the image's own user."""
    mounts: tuple[Mount, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Named volumes that outlive the run, by the path at which they stand: caches, where our folders aren't seen."""
    masked: tuple[tuple[str, bool], ...] = ()
    """Paths in the workspace that must not be seen, and whether each is a folder."""
    devices: tuple[Mapping[str, Json], ...] = ()
    """The API's DeviceRequests: GPUs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the configuration's `env` hands in."""
    labels: Mapping[str, str] = field(default_factory=dict)
    unlabelled: bool = False
    """SELinux would forbid what is mounted from outside."""


def payload(run: Run, setting: Setting, place: str) -> dict[str, Json]:
    """Return what creates the container of a run that starts in the folder `place`."""
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
    """The same with another name of the image's Python."""
    return {**config, "Entrypoint": [python, *config["Entrypoint"][1:]]}


def with_mount(config: Mapping[str, Json], mount: Mapping[str, Json]) -> dict[str, Json]:
    """The same with one more mount."""
    host = config["HostConfig"]
    return {**config, "HostConfig": {**host, "Mounts": [*host["Mounts"], dict(mount)]}}


def environment(run: Run, setting: Setting) -> dict[str, str]:
    """All that we put into the container's environment; nothing of the runner's but what is listed."""
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
        # Libraries count the machine's cores and start a thread for each, however few they may use.
        found["OMP_NUM_THREADS"] = str(max(1, math.ceil(run.limits.cpus)))
    if setting.devices:
        found["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    if not any(device.get("Driver") == "nvidia" for device in setting.devices):
        # An image may say `all`, which NVIDIA's runtime obeys where it is the engine's default. CDI gives just what is
        # asked of it.
        found |= NO_GPUS
    return {**found, **run.caches, **setting.environment}


def capped(limits: Limits, *, cpus: int, memory: int) -> tuple[Limits, tuple[str, ...]]:
    """Return limits that the engine's machine can keep, and a sentence for each that it can't."""
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
        # Output comes to us through the attached stream, and is kept by us; the engine's copy would only fill its disk.
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
    """Volumes without a name go with the container. What programs write to temporary folders is scratch too."""
    scratch = [anonymous(path, setting.labels) for path in (HOME, "/tmp", "/var/tmp")]  # noqa: S108 - in the container
    kept = [{"Type": "volume", "Source": name, "Target": path} for path, name in setting.volumes.items()]
    return [*scratch, *kept]


def anonymous(target: str, labels: Mapping[str, str]) -> dict[str, Json]:
    """A volume that is removed with its container."""
    return {"Type": "volume", "Target": target, "VolumeOptions": {"Labels": dict(labels)}}


def named_volumes(create: Mapping[str, Any]) -> frozenset[str]:
    """Return the volumes that a container is given by name, as GET /containers/create is asked for it."""
    mounts = create["HostConfig"].get("Mounts") or []
    return frozenset(each["Source"] for each in mounts if each["Type"] == "volume" and each.get("Source"))


def overlay(lower: str, upper: str, work: str, labels: Mapping[str, str]) -> dict[str, Json]:
    """The checkout as a copy-on-write view: what is written lands in `upper`."""
    # https://docs.kernel.org/filesystems/overlayfs.html: these characters separate options and layers.
    escaped = "".join(f"\\{letter}" if letter in "\\:," else letter for letter in lower)
    options = {"type": "overlay", "device": "overlay", "o": f"lowerdir={escaped},upperdir={upper},workdir={work}"}
    driver = {"Name": "local", "Options": options}
    volume = {"NoCopy": True, "Labels": dict(labels), "DriverConfig": driver}
    return {"Type": "volume", "Target": WORKSPACE, "VolumeOptions": volume}


def _bind(mount: Mount) -> dict[str, Json]:
    return {"Type": mount.kind, "Source": mount.source, "Target": mount.target, "ReadOnly": not mount.writable}


def agent_job(run: Run, places: Sequence[str]) -> dict[str, Json]:
    """Return what the agent is to do, as its job.json holds it; `places`: where the run starts, and the root."""
    return {
        "kernel": run.kernel or "",
        "command": list(run.command) if run.command else None,
        "cwd": places[0],
        "places": list(places),
        "columns": COLUMNS,
        "rows": ROWS,
        # What is attached is cut on our side, which outlives a container that is killed.
        "limit": min(run.limits.output, LONGEST_LOG) if run.detach else LONGEST_LOG,
        "produces": list(run.produces),
        "detach": run.detach,
        "time": run.limits.time,
    }


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


def ids(table: str, user: str) -> Sequence[int]:
    """Return the user and group id that an image's `User` means, by its /etc/passwd: `""`, `1000`, `jovyan:users`."""
    name, _, group = user.partition(":")
    for line in table.splitlines():
        words = line.split(":")
        if len(words) > 3 and (words[0] == name or words[2] == name):
            return int(words[2]), int(group) if group.isdigit() else int(words[3])
    return (int(name) if name.isdigit() else 0), (int(group) if group.isdigit() else 0)
