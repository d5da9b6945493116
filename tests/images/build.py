"""Images for tests and benchmarks, made here from Debian and PyPI packages: a test never pulls one.

    python -m tests.images.build [NAME ...]

Each folder beside this file is an image: a Dockerfile that starts from another one of ours, or `root.sh`, which writes
a root file system. Its tag carries a hash of the folder and of what it starts from, so that what is there is found
again, and what changed is made anew. `docker image rm $(docker images -q 'gpu-doc-test/*')` removes all of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fcntl import LOCK_EX, flock
from functools import cache
from hashlib import sha256
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
from docker.errors import BuildError, ImageNotFound  # type: ignore[import-untyped]

RECIPES = Path(__file__).parent
NAMES = sorted(path.name for path in RECIPES.iterdir() if (path / "Dockerfile").exists() or (path / "root.sh").exists())
PREFIX = "gpu-doc-test/"
FROM_OURS = re.compile(rf"^FROM {PREFIX}(?P<name>\S+)$", re.MULTILINE)
PYTHON = ("--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:")
"""What `bare` has, which need not be the Python that runs the tests."""
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)] + ["manylinux2014_x86_64"]
"""Wheels that Debian 12's glibc 2.36 runs."""


ON_NO_INDEX = frozenset({"torch"})
"""Images made from a package that PyPI has only in another build."""


class CannotBuildError(Exception):
    """What an image is made from is not to be had; in words."""


@cache
def image(name: str) -> str:
    """The reference of an image on the engine that the environment names; it is built where it is missing.

    Raises CannotBuildError.
    """
    tag = reference(name)
    with closing(docker.from_env(timeout=600)) as client:
        if _is_there(client, tag):
            return tag
        with _only_builder(name):
            if not _is_there(client, tag):
                _build(client, name, tag)
    return tag


def reference(name: str) -> str:
    """The tag that an image has, built or not."""
    digest = sha256()
    base = _base(name)
    digest.update(reference(base).encode() if base else b"")
    for path in sorted(p for p in (RECIPES / name).iterdir() if p.suffix != ".in"):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{PREFIX}{name}:{digest.hexdigest()[:12]}"


def _base(name: str) -> str | None:
    recipe = RECIPES / name / "Dockerfile"
    found = FROM_OURS.search(recipe.read_text("utf-8")) if recipe.exists() else None
    return found["name"] if found else None


def _is_there(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


@contextmanager
def _only_builder(name: str) -> Iterator[None]:
    """Of several processes on this machine, one builds an image, and the others wait."""
    with (Path(tempfile.gettempdir()) / f"gpu-doc-test-{name}.lock").open("a") as file:
        flock(file, LOCK_EX)
        yield


def _build(client: docker.DockerClient, name: str, tag: str) -> None:
    base = _base(name)
    with tempfile.TemporaryDirectory() as folder:
        if base:
            _build_on(client, image(base), RECIPES / name, Path(folder), tag)
        else:
            _import(client, RECIPES / name / "root.sh", Path(folder) / "root.tar", tag)


def _import(client: docker.DockerClient, script: Path, archive: Path, tag: str) -> None:
    with archive.open("wb") as file:
        made = subprocess.run([script], stdout=file, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        raise CannotBuildError(f"{script.relative_to(RECIPES)} failed: {made.stderr.strip()}")
    repository, _, version = tag.partition(":")
    client.api.import_image_from_file(str(archive), repository, version)


def _build_on(client: docker.DockerClient, base: str, recipe: Path, context: Path, tag: str) -> None:
    shutil.copytree(recipe, context, dirs_exist_ok=True)
    dockerfile = (recipe / "Dockerfile").read_text("utf-8")
    (context / "Dockerfile").write_text(FROM_OURS.sub(f"FROM {base}", dockerfile), "utf-8")
    if (recipe / "requirements.txt").exists():
        _fetch_wheels(recipe / "requirements.txt", context / "wheels")
    try:
        client.images.build(path=str(context), tag=tag, network_mode="none", rm=True, forcerm=True)
    except BuildError as error:
        log = "".join(line.get("stream", "") for line in error.build_log)
        raise CannotBuildError(f"{recipe.name} cannot be built: {error}\n{log}") from error


def _fetch_wheels(requirements: Path, target: Path) -> None:
    """Here and not in the build, since only this machine's pip knows its index and that index's certificate."""
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(target)]
    argv += [*PYTHON, *(word for platform in PLATFORMS for word in ("--platform", platform))]
    done = subprocess.run([*argv, "--requirement", requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuildError(f"no wheels for {requirements.relative_to(RECIPES)}: {done.stderr.strip()}")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or NAMES:
        sys.stdout.write(f"{image(wanted)}\n")
