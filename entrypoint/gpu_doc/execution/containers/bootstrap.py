"""Installs ipykernel into a copy of an image that lacks it. The copy is built once and found again by its tag.

A container of the base image runs pip, and is committed: this needs no builder on the engine. Settings for the team's
package index go into a volume, which a commit leaves out: an index's address may contain a password.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shlex
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from gpu_doc.execution.containers import container_answers, image_answers, images
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.image_answers import Configured
from gpu_doc.execution.containers.images import Image
from gpu_doc.execution.containers.removal import remove_container
from gpu_doc.execution.containers.workspace import Archive
from gpu_doc.system.temporary import PREFIX

LINE = "RUN python3 -m pip install ipykernel"
"""The same as a line of a Dockerfile."""

_LONGEST = 1200.0
"""Seconds that pip may take."""

_FOLDER = "/gpu-doc"

_NO_PYTHON, _NO_PIP = 91, 92
_SCRIPT = f"""
umask 022
. {_FOLDER}/settings
python=$(command -v python3 || command -v python) || exit {_NO_PYTHON}
"$python" -c 'import ipykernel' 2>/dev/null && exit 0
if ! "$python" -m pip --version >/dev/null 2>&1; then
    # Debian's Python has pip only for virtual environments: theirs can install outside of one, too.
    "$python" -m venv /tmp/gpu-doc-pip || exit {_NO_PIP}
    PYTHONPATH=$(echo /tmp/gpu-doc-pip/lib/python*/site-packages)
    export PYTHONPATH
fi
"$python" -m pip install ipykernel || exit
rm -rf /tmp/gpu-doc-pip
unset PYTHONPATH
"$python" -c 'import ipykernel'
"""

_OURS = {
    "PIP_BREAK_SYSTEM_PACKAGES": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_ROOT_USER_ACTION": "ignore",
}
_THEIRS = re.compile(
    r"PIP_(INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|PROXY|TIMEOUT|DEFAULT_TIMEOUT|RETRIES)|(https?|no|all)_proxy",
    re.IGNORECASE,
)
"""The variables passed in from the runner. pip's other variables name paths on the runner."""


def bootstrapped(
    engine: Engine,
    image: Image,
    *,
    environ: Mapping[str, str],
    labels: Mapping[str, str],
    progress: Callable[[str], None],
) -> Image:
    """Return a copy of `image` with ipykernel; it keeps the name and digest of `image`.

    `labels` mark the container that builds it (`sweep.labels`, kind "build").

    Raises EngineError if the image has no Python or no pip, or pip fails.
    """
    tag = f"gpu-doc/kernel:{sha256(f'{image.id}{_SCRIPT}'.encode()).hexdigest()[:16]}"
    built = images.find(engine, tag)
    if built is None:
        with _alone(tag):
            built = images.find(engine, tag) or _built(engine, image, tag, environ, labels, progress)
    return replace(image, id=built.id)


@contextmanager
def _alone(tag: str) -> Iterator[None]:
    """Let only one of this user's processes on this machine build; the others wait for it."""
    name = f"{PREFIX}{os.getuid()}-{tag.rpartition(':')[2]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _built(
    engine: Engine,
    image: Image,
    tag: str,
    environ: Mapping[str, str],
    labels: Mapping[str, str],
    progress: Callable[[str], None],
) -> Image:
    progress(f"installing ipykernel into a copy of {image.reference}, once")
    _build(engine, image, tag, environ, labels)
    built = images.find(engine, tag)
    assert built, f"{tag} was removed right after it was built"
    return built


def _build(engine: Engine, image: Image, tag: str, environ: Mapping[str, str], labels: Mapping[str, str]) -> None:
    with sentences(image.reference):
        base = image_answers.configured(engine.client.api.inspect_image(image.id))
    with _container(engine, image, base, labels) as container:
        with sentences(image.reference):
            engine.client.api.put_archive(container, _FOLDER, _archive(_files(environ)))
            engine.client.api.start(container)
        status, words = _ended(engine, container, image)
        if status:
            raise _failure(image, status, words)
        name, _, version = tag.partition(":")
        with sentences(image.reference):
            engine.client.api.commit(container, name, version, changes=list(_changes(base, labels)))


@contextmanager
def _container(engine: Engine, image: Image, base: Configured, labels: Mapping[str, str]) -> Iterator[str]:
    configuration = {
        "Image": image.id,
        # A commit can replace an entrypoint but not remove it: so we set none if there was none.
        "Entrypoint" if base.entrypoint else "Cmd": ["/bin/sh", f"{_FOLDER}/install"],
        "User": "0:0",
        "WorkingDir": "/",
        "Labels": dict(labels),
        "HostConfig": {
            "NetworkMode": "bridge",
            "Mounts": [{"Type": "volume", "Target": _FOLDER, "VolumeOptions": {"Labels": dict(labels)}}],
        },
    }
    with sentences(image.reference):
        container = container_answers.identity(
            engine.client.api.create_container_from_config(configuration), "a container"
        )
    try:
        yield container
    finally:
        with suppress(EngineError):  # the engine is gone: the next sweep finds it
            remove_container(engine, container)


def _ended(engine: Engine, container: str, image: Image) -> tuple[int, str]:
    """Wait until it has ended; return its exit status and output."""
    end = time.monotonic() + _LONGEST
    while True:
        with sentences(image.reference):
            state = container_answers.state(engine.client.api.inspect_container(container))
            if state.over:
                words: bytes = engine.client.api.logs(container)
                return (1 if state.status is None else state.status), words.decode("utf-8", "replace").strip()
        if time.monotonic() > end:
            raise EngineError(
                f"pip took more than {_LONGEST / 60:.0f} minutes to install ipykernel",
                cause="network",
                where=image.reference,
                remedy=f"Put it into the image itself, with this line in its Dockerfile: {LINE}",
            )
        time.sleep(0.2)


def _changes(base: Configured, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the instructions that restore the base's settings in the commit."""
    yield f"USER {base.user or '0'}"
    yield f"WORKDIR {base.folder or '/'}"
    if base.entrypoint:
        yield f"ENTRYPOINT {json.dumps(base.entrypoint)}"
        yield f"CMD {json.dumps(base.command)}"
    else:
        yield f"CMD {json.dumps(base.command or ['/bin/sh'])}"
    # Labels can't be removed. Empty ones have no owner, so that no sweep removes containers made from this image.
    yield from (f'LABEL {name}=""' for name in labels)


def _files(environ: Mapping[str, str]) -> dict[str, bytes]:
    settings = _OURS | {name: value for name, value in environ.items() if _THEIRS.fullmatch(name)}
    files = {"install": _SCRIPT.encode()}
    for name, variable, path in (
        ("authorities.pem", "PIP_CERT", _authorities(environ)),
        ("pip.conf", "PIP_CONFIG_FILE", _configuration(environ)),
    ):
        if path:
            with suppress(OSError):
                files[name] = path.read_bytes()
                settings[variable] = f"{_FOLDER}/{name}"
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    return {**files, "settings": "".join(lines).encode()}


def _authorities(environ: Mapping[str, str]) -> Path | None:
    """Return the file of certificate authorities that the runner's environment names, if any."""
    named = (environ.get(name) for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"))
    return next((Path(path) for path in named if path), None)


def _configuration(environ: Mapping[str, str]) -> Path | None:
    """Return the runner's pip configuration: https://pip.pypa.io/en/stable/topics/configuration/."""
    home = Path(environ.get("HOME") or Path.home())
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    places = (Path(environ.get("PIP_CONFIG_FILE", "")), own, home / ".pip/pip.conf", Path("/etc/pip.conf"))
    return next((path for path in places if path.is_file()), None)


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with Archive.open(fileobj=packed, mode="w|") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _failure(image: Image, status: int, words: str) -> EngineError:
    line = f"with this line in its Dockerfile: {LINE}"
    what, remedy = {
        _NO_PYTHON: ("the image has no Python", "Name one that has: a kernel needs it."),
        _NO_PIP: (
            "the image's Python has no pip, which is what installs ipykernel",
            f"Install pip in the image (apt-get install python3-pip), then ipykernel, {line}",
        ),
    }.get(status, ("pip could not install ipykernel into the image", f"Put it into the image itself, {line}"))
    offline = re.search(
        r"NewConnectionError|ConnectTimeout|Read timed out|Connection (refused|reset)|ProxyError", words
    )
    return EngineError(
        what,
        cause="network" if offline else "image",
        where=image.reference,
        remedy=remedy,
        details="\n".join(words.splitlines()[-20:]),
    )
