"""What must be the same with each engine: Docker 20.10 to 28.5, both of its image stores, Podman 4 and 5."""

from __future__ import annotations

import io
import json
import re
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.components import leave_out
from tests.integration.each_engine import engine_of, load, reached, save
from tests.integration.engines import Engine, image
from tests.integration.registries import Registry
from tests.integration.unpacked import PYTHONS, CannotFetchError, archived
from tests.waiting import eventually

from .conftest import Project, code, environment, notebook

pytestmark = [pytest.mark.full, pytest.mark.needs("docker", "root"), pytest.mark.timeout(600)]

WITH_KERNEL = {
    "plain": "",
    "user": "USER 1234",
    "root": "USER 0:0",
    "entrypoint": 'ENTRYPOINT ["/bin/false"]\nCMD ["--never"]',
    "homeless": "ENV HOME=/nowhere",
    "elsewhere": "WORKDIR /srv/nothing/here",
    "labelled": 'LABEL io.gpu-doc.owner="somebody" maintainer="x"\nVOLUME ["/data"]\nENV EMPTY=',
}
"""Images by what their Dockerfile says after its first line, which names one that has ipykernel."""
TRAIN = notebook(
    code("n = 1", "parameters"),
    code(
        "import os, pathlib, sys\n"
        "pathlib.Path('out').mkdir()\n"
        "pathlib.Path('out/loss.csv').write_text(f'epoch,loss\\n{n},0.5\\n')\n"
        "f'{sys.version_info[0]} {sys.prefix} {os.getcwd()} {open(\"../data.txt\").read().strip()}'",
        "answer",
    ),
)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """Their references by name, and an archive with all of them."""
    names = {"bare": image("bare"), "conda-like": image("conda-like")}
    tag = secrets.token_hex(4)  # another process of the tests may make and remove them as well
    with closing(docker.from_env(timeout=300)) as client:
        for name, lines in WITH_KERNEL.items():
            names[name] = f"gpu-doc-test/each-{name}:{tag}"
            file = io.BytesIO(f"FROM {image('ipykernel')}\n{lines}\n".encode())
            client.images.build(fileobj=file, tag=names[name], network_mode="none", rm=True)
        for name in PYTHONS:
            names[name] = f"gpu-doc-test/each-{name}:{tag}"
            client.api.import_image_from_data(rooted(name), *names[name].split(":"))
        archive = tmp_path_factory.mktemp("images") / "images.tar"
        save([*names.values()], archive)
        yield names, archive
        for name in (*WITH_KERNEL, *PYTHONS):
            client.images.remove(names[name], noprune=True)
    archive.unlink()


def rooted(name: str) -> bytes:
    """A root file system with a Python of another version."""
    try:
        return archived(name)
    except CannotFetchError as error:
        leave_out(f"no {name}: {error}")
        raise


@pytest.fixture(scope="session")
def loaded(each_engine: Engine, images: tuple[dict[str, str], Path]) -> tuple[Engine, dict[str, str]]:
    """The engine with all images, and their references."""
    names, archive = images
    load(archive, each_engine)
    return each_engine, names


def project_with(root: Path, runs: dict[str, str]) -> Project:
    """A project with these runs, and a report of each."""
    reports = "".join(
        f"  - path: docs/{name}.md\n    runs:\n      {name}: {{{settings}}}\n" for name, settings in runs.items()
    )
    project = Project(root)
    project.write(
        {
            "gpu-doc.yml": f"reports:\n{reports}",
            "data.txt": "7\n",
            "notebooks/train.ipynb": TRAIN,
        }
    )
    for name, settings in runs.items():
        call = f'value("{name}/answer")' if "notebook" in settings else f'text("{name}")'
        file = f'<!-- gpu-doc: table("{name}/file:out/loss.csv") -->\n<!-- gpu-doc: end -->\n' * (
            "produces" in settings
        )
        project.write({f"docs/{name}.md": f"<!-- gpu-doc: {call} -->\n<!-- gpu-doc: end -->\n{file}"})
    return project


FINGERPRINTS: dict[str, str] = {}
"""What the first engine gave, which all others must give too."""


def same_as_elsewhere(what: str, found: str) -> None:
    assert FINGERPRINTS.setdefault(what, found) == found, what


def test_ten_images_give_the_same_with_each_engine(loaded: tuple[Engine, dict[str, str]], tmp_path: Path) -> None:
    engine, names = loaded
    notebooks = [*WITH_KERNEL, "conda-like"]
    runs = {
        name: f"notebook: notebooks/train.ipynb, image: {names[name]}, produces: [out/*.csv]"
        f"{', user: image' * (name == 'conda-like')}, network: none"
        for name in notebooks
    }
    runs["bare"] = f'command: [python3, -c, "print(6 * 7)"], image: {names["bare"]}'
    for name in PYTHONS:
        command = 'python3, -c, "import sys; print(sys.version_info[:2])"'
        runs[name] = f"command: [{command}], image: {names[name]}"
    runs["whose"] = f"command: [id, -u], image: {names['user']}, user: image"
    runs["lacking"] = f"notebook: notebooks/train.ipynb, image: {names['bare']}, parameters: {{n: 2}}"
    project = project_with(tmp_path / "project", runs)
    done = project.gpu_doc("run", code=5, DOCKER_HOST=engine.host)
    assert "lacking" in done.stderr
    assert "ipykernel" in done.stderr
    for name in runs:
        if name == "lacking":
            continue
        same_as_elsewhere(f"{name} text", project.read(f"docs/{name}.md"))
        (run,) = project.evidence(f"docs/{name}")["runs"].values()
        same_as_elsewhere(f"{name} fingerprint", run["fingerprint"])
        assert run["machine"]["image-digest"].startswith("sha256:"), "no registry has it"
    assert "3 /opt/venv /workspace/notebooks 7" in project.read("docs/plain.md")
    assert "| 1 | 0.5 |" in project.read("docs/plain.md")
    assert "/conda /workspace/notebooks 7" in project.read("docs/conda-like.md")
    assert "(3, 9)" in project.read("docs/python-3.9.md")
    assert "1234" in project.read("docs/whose.md")
    plan = json.loads(project.gpu_doc("plan", "--json", DOCKER_HOST=engine.host).stdout)
    assert [run["run"] for run in plan["runs"] if not run["fresh"]] == ["lacking"]


# --- images and registries --------------------------------------------------------------------------------------------

LOG = 'command: [sh, -c, "echo it is $VERSION"], image: "{image}"'


@pytest.fixture
def pulling(
    loaded: tuple[Engine, dict[str, str]], registry: Registry, tmp_path: Path
) -> Iterator[tuple[Project, Engine, str]]:
    """A project with a run in a local image and one in an image that a registry has, and the registry's address."""
    engine, names = loaded
    with reached(registry, engine) as address:
        build(engine, names["bare"], "team/local:latest", "one")
        push(engine, names["bare"], f"{address}/team/pulled:1", "one")
        runs = {"local": LOG.format(image="team/local"), "pulled": LOG.format(image=f"{address}/team/pulled:1")}
        yield project_with(tmp_path / "project", runs), engine, address
    with closing(engine.client()) as client:
        for found in client.images.list():
            for name in [*found.tags, *found.attrs["RepoDigests"]]:
                if "team/" in name:
                    with suppress(docker.errors.NotFound):
                        client.images.remove(name, force=True)


def build(engine: Engine, base: str, reference: str, version: str) -> None:
    """Make an image on an engine that differs from its base by a setting; one of this name loses it."""
    file = io.BytesIO(f"FROM {base}\nENV VERSION={version}\n".encode())
    with closing(engine.client()) as client:
        client.images.build(fileobj=file, tag=reference, network_mode="none", rm=True)


def push(engine: Engine, base: str, reference: str, version: str) -> None:
    """Bring an image to a registry, and not to the engine."""
    build(engine, base, reference, version)
    repository, _, tag = reference.rpartition(":")
    with closing(engine.client()) as client:
        for answer in client.api.push(repository, tag, stream=True, decode=True):
            assert "error" not in answer, answer
        client.images.remove(reference, force=True)


def digest(project: Project, name: str) -> str:
    (run,) = project.evidence(f"docs/{name}")["runs"].values()
    return str(run["machine"]["image-digest"])


def test_a_rebuilt_local_image_is_noticed(
    pulling: tuple[Project, Engine, str], loaded: tuple[Engine, dict[str, str]]
) -> None:
    project, engine, address = pulling
    project.gpu_doc("run", DOCKER_HOST=engine.host)
    assert digest(project, "local").startswith("sha256:")
    assert digest(project, "pulled").startswith(f"{address}/team/pulled@sha256:")
    before = project.files()
    done = project.gpu_doc("run", "--force", "--pull", "always", DOCKER_HOST=engine.host)
    assert project.files() == before, "not one byte"
    assert "team/local was built here" in done.stderr

    build(engine, loaded[1]["bare"], "team/local:latest", "two")
    plan = json.loads(project.gpu_doc("plan", "--json", DOCKER_HOST=engine.host).stdout)
    assert [run["run"] for run in plan["runs"] if not run["fresh"]] == ["local"]
    project.gpu_doc("run", "--pull", "always", DOCKER_HOST=engine.host)
    assert "it is two" in project.read("docs/local.md")
    assert "All fresh" in project.gpu_doc("run", DOCKER_HOST=engine.host).stdout


def test_a_registry_that_does_not_answer_fails_what_pulls_always(
    pulling: tuple[Project, Engine, str], registry: Registry
) -> None:
    project, engine, _ = pulling
    project.gpu_doc("run", DOCKER_HOST=engine.host)
    registry.stop()
    before = project.files()
    assert "All fresh" in project.gpu_doc("run", DOCKER_HOST=engine.host).stdout
    project.edit("data.txt", "7", "8")
    done = project.gpu_doc("run", "--pull", "always", code=5, DOCKER_HOST=engine.host)
    assert "docs/pulled.md stays as it was" in done.stderr
    assert "docs/local.md" not in done.stderr.replace("docs/local.md: ", "")
    assert project.files() == before
    # What does not pull is refreshed all the same.
    project.edit("gpu-doc.yml", "local: {", "local: {depends-on: [data.txt], ")
    project.edit("gpu-doc.yml", "pulled: {", "pulled: {pull: always, ")
    done = project.gpu_doc("run", code=5, DOCKER_HOST=engine.host)
    assert "docs/pulled.md stays as it was" in done.stderr
    assert "1 run executed" in done.stdout
    doctor = project.gpu_doc("doctor", code=None, DOCKER_HOST=engine.host)
    assert "`pull: always` of" in doctor.stdout


KINDS = ("docker.distribution.manifest.v2", "oci.image.manifest.v1")
ACCEPT = ", ".join(f"application/vnd.{kind}+json" for kind in KINDS)


def put_index(registry: Registry, repository: str, tag: str, digest: str) -> str:
    """Give a registry a list of images for several kinds of machine, with one in it; its digest."""
    address = f"http://{registry.address}/v2/{repository}/manifests"
    with urllib.request.urlopen(urllib.request.Request(f"{address}/{digest}", headers={"Accept": ACCEPT})) as answer:
        size, kind = len(answer.read()), answer.headers["Content-Type"]
    mine = "application/vnd.docker.distribution.manifest.list.v2+json"
    platform = {"os": "linux", "architecture": "amd64"}
    listed = {"mediaType": kind, "size": size, "digest": digest, "platform": platform}
    index = json.dumps({"schemaVersion": 2, "mediaType": mine, "manifests": [listed]}).encode()
    put = urllib.request.Request(f"{address}/{tag}", data=index, method="PUT", headers={"Content-Type": mine})
    with urllib.request.urlopen(put):
        return f"sha256:{sha256(index).hexdigest()}"


def test_of_an_image_for_several_machines_the_index_counts(
    pulling: tuple[Project, Engine, str], registry: Registry
) -> None:
    project, engine, address = pulling
    head = urllib.request.Request(f"http://{registry.address}/v2/team/pulled/manifests/1", method="HEAD")
    head.add_header("Accept", ACCEPT)
    with urllib.request.urlopen(head) as answer:
        child = answer.headers["Docker-Content-Digest"]
    index = put_index(registry, "team/pulled", "multi", child)
    project.edit("gpu-doc.yml", "team/pulled:1", "team/pulled:multi")
    with closing(engine.client()) as client:  # the child by itself, as somebody may have it
        client.images.pull(f"{address}/team/pulled@{child}")
        client.images.pull(f"{address}/team/pulled", "multi")
    project.gpu_doc("run", DOCKER_HOST=engine.host)
    assert digest(project, "pulled") == f"{address}/team/pulled@{index}"
    # Evidence with the child's digest is as good: it is the same image.
    path = "docs/pulled.assets/evidence.json"
    project.edit(path, index, child)
    project.write({path: re.sub(r' *"checksum": "\w+",\n', "", project.read(path))})
    done = project.gpu_doc("plan", DOCKER_HOST=engine.host)
    assert "another image" not in done.stderr
    assert "would run" not in done.stdout


# --- ends -------------------------------------------------------------------------------------------------------------

ENDS = {
    "memory": ("x = bytearray(400 << 20)\nx[::4096] = b'x' * len(x[::4096])", "limits: {memory: 200m}"),
    "child": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'x = bytearray(400 << 20)'], check=True)",
        "limits: {memory: 200m}",
    ),
    "processes": (
        "import subprocess\nheld = [subprocess.Popen(['sleep', '9']) for _ in range(90)]",
        "limits: {processes: 60}",
    ),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "limits: {cpus: 1}"),
    "late": ("import time; time.sleep(60)", "limits: {time: 5s}"),
}
"""Notebooks that end badly, and with which settings."""


def test_runs_end_in_the_same_words_with_each_engine(loaded: tuple[Engine, dict[str, str]], tmp_path: Path) -> None:
    engine, names = loaded
    runs = {
        name: f"notebook: notebooks/{name}.ipynb, image: {names['plain']}, {settings}"
        for name, (_, settings) in ENDS.items()
    }
    project = project_with(tmp_path / "project", runs)
    project.write({f"notebooks/{name}.ipynb": notebook(code(source, "answer")) for name, (source, _) in ENDS.items()})
    done = project.gpu_doc("run", code=3, DOCKER_HOST=engine.host)
    said = [re.sub(r"[\d.]+ s\b", "N s", line) for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == len(ENDS), done.stderr
    # Linux kills the child, and now and then the kernel too before the child's memory is free: one may be said twice.
    same_as_elsewhere("ends", "\n".join(sorted({line for line in said if "bytearray(400 << 20)" not in line})))
    assert "needed more memory than it may use" in done.stderr
    with closing(engine.client()) as client:
        assert client.containers.list(all=True) == []
        left = [each.attrs for each in client.volumes.list()]
        assert left == [], done.stderr


WAITING = "echo began; while [ ! -e /tmp/end ]; do sleep 0.1; done; echo ended"


def test_a_detached_command_goes_on_when_gpu_doc_is_killed(
    loaded: tuple[Engine, dict[str, str]], tmp_path: Path
) -> None:
    engine, names = loaded
    command = f'command: [sh, -c, "{WAITING}"], image: {names["bare"]}, detach: true, limits: {{time: 5m}}'
    project = project_with(tmp_path / "project", {"log": command})
    argv = [sys.executable, "-m", "gpu_doc", "run"]
    with closing(engine.client()) as client:
        with subprocess.Popen(argv, cwd=project.root, env=environment(DOCKER_HOST=engine.host)) as process:
            running = eventually(lambda: client.containers.list(filters={"label": "io.gpu-doc.run=log"}))
            assert eventually(lambda: b"began" in said(running[0]))
            process.kill()
        assert [each.id for each in client.containers.list()] == [running[0].id]
        running[0].exec_run(["touch", "/tmp/end"])
        project.gpu_doc("run", DOCKER_HOST=engine.host)
        assert "began\nended" in project.read("docs/log.md")
        assert client.containers.list(all=True) == []


def said(container: Any) -> bytes:
    """What a command has written so far."""
    found: bytes = container.exec_run(["cat", "/gpu-doc/outcome/terminal.log"]).output
    return found


# --- two stores -------------------------------------------------------------------------------------------------------


def test_refreshes_on_alternating_stores_change_nothing(images: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    names, archive = images
    with engine_of("docker-20.10") as classic, engine_of("docker-28.5-containerd") as containerd:
        for engine in (classic, containerd):
            load(archive, engine)
        runs = {"log": f"command: [id, -u], image: {names['bare']}"}
        project = project_with(tmp_path / "project", runs)
        project.gpu_doc("run", DOCKER_HOST=classic.host)
        before = project.files()
        for turn in range(10):
            engine = (containerd, classic)[turn % 2]
            done = project.gpu_doc("run", *["--force"] * (turn in (4, 7)), DOCKER_HOST=engine.host)
            assert ("All fresh" in done.stdout) == (turn not in (4, 7)), done.stdout
            assert project.files() == before
            assert "another image" not in done.stderr
