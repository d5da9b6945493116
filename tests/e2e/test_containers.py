"""Whole refreshes in containers: on engines near and far, and what a run can see and touch from inside."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import pytest

from gpu_doc.execution.agent import unattended
from tests.integration.engines import Engine, Remote, image
from tests.integration.users import PlainUser

from .conftest import Project, code, environment, notebook

pytestmark = pytest.mark.needs("docker")

CONFIG = """\
defaults:
  image: {image}
  {more}
reports:
  - path: docs/report.md
    runs:
      train-{mark}: {{notebook: notebooks/train.ipynb, parameters: {{lr: 0.5}}, data: [data], produces: [out/*.csv]}}
      log-{mark}: {{command: [python3, -c, "print('from a terminal'); open('log.txt', 'w').write('x')"]}}
"""

REPORT = """\
# Report

It reached <!-- gpu-doc: value("train-{mark}/accuracy") --><!-- gpu-doc: end -->.

<!-- gpu-doc: table("train-{mark}/file:out/loss.csv") -->
<!-- gpu-doc: end -->
<!-- gpu-doc: text("log-{mark}") -->
<!-- gpu-doc: end -->
"""

TRAIN = notebook(
    code("lr = 0.1", "parameters"),
    code(
        "import os, helper\n"
        "rows = open('../data/rows.csv').read().split()\n"
        "os.makedirs('out')\n"
        "open('out/loss.csv', 'w').write('epoch,loss\\n1,0.5\\n')\n"
        "open('train.ipynb', 'a').write(' ')\n"
        "helper.score(lr) + len(rows)",
        "accuracy",
    ),
)


@dataclass
class Containers:
    """A project whose runs happen in containers of some engine."""

    project: Project
    client: Callable[[], Any]
    image: str
    more: str = "network: none"
    user: PlainUser | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    """Part of the runs' names: other tests use the same engine at the same time."""

    def gpu_doc(self, *words: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        more = {**self.environ, **environ}
        if not self.user:
            return self.project.gpu_doc(*words, code=code, **more)
        variables = {**self.user.environment(), **environment(**more), "HOME": str(self.user.home)}
        argv = [sys.executable, "-m", "gpu_doc", *words]
        done = self.user.call(*argv, cwd=self.project.root, environment=variables)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def write(self, config: str, files: Mapping[str, str]) -> None:
        text = config.format(image=self.image, more=self.more, mark=self.mark)
        self.project.write({"gpu-doc.yml": text} | {n: text.replace("{mark}", self.mark) for n, text in files.items()})
        if self.user:
            self.user.give(self.project.root)

    def left(self) -> list[str]:
        """What is on the engine that this project may have left there."""
        with closing(self.client()) as client:
            containers = [
                each.id for each in client.containers.list(all=True, ignore_removed=True) if self._is_ours(each.labels)
            ]
            return containers + [each.id for each in client.volumes.list() if self._is_ours(each.attrs["Labels"] or {})]

    def _is_ours(self, labels: Mapping[str, str]) -> bool:
        return self.mark in labels.get("io.gpu-doc.run", "")


def checkout(root: Path) -> dict[str, bytes]:
    """All files of a checkout but for what a refresh may write."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    kept = {path.relative_to(root): path for path in files}
    return {str(name): path.read_bytes() for name, path in kept.items() if name.parts[0] not in (".gpu-doc", "docs")}


@pytest.fixture
def copied(tmp_path: Path) -> Containers:
    """The runner is root: its checkout is copied."""
    return Containers(Project(tmp_path / "project"), docker.from_env, image("ipykernel"))


@pytest.fixture
def overlaid(plain_user: PlainUser) -> Containers:
    """A usual runner: its checkout is seen through a copy-on-write view."""
    return Containers(Project(plain_user.folder / "project"), docker.from_env, image("ipykernel"), user=plain_user)


@pytest.fixture
def far(tmp_path: Path, far_engine: Engine) -> Containers:
    environ = {"DOCKER_HOST": far_engine.host}
    return Containers(Project(tmp_path / "project"), far_engine.client, far_engine.load("ipykernel"), environ=environ)


@pytest.fixture
def remote(tmp_path: Path, ssh_engine: Remote) -> Containers:
    more = f"docker-host: {ssh_engine.host}"
    engine, environ = ssh_engine.engine, {"PATH": ssh_engine.environment["PATH"]}
    return Containers(
        Project(tmp_path / "project"), engine.client, engine.load("ipykernel"), more=more, environ=environ
    )


@pytest.fixture
def remapped(tmp_path: Path, remapped_engine: Engine) -> Containers:
    environ = {"DOCKER_HOST": remapped_engine.host}
    return Containers(
        Project(tmp_path / "project"), remapped_engine.client, remapped_engine.load("ipykernel"), environ=environ
    )


@pytest.fixture
def rootless(plain_user: PlainUser, rootless_engine: Engine) -> Containers:
    """The user's own engine: whom a run is in there is nobody outside."""
    project, environ = Project(plain_user.folder / "project"), {"DOCKER_HOST": rootless_engine.host}
    return Containers(
        project, rootless_engine.client, rootless_engine.load("ipykernel"), user=plain_user, environ=environ
    )


@pytest.fixture(
    params=[
        "copied",
        "overlaid",
        pytest.param("far", marks=pytest.mark.xdist_group("far engine")),
        pytest.param("remote", marks=pytest.mark.xdist_group("far engine")),
        pytest.param("remapped", marks=pytest.mark.xdist_group("remapped engine")),
        pytest.param("rootless", marks=pytest.mark.xdist_group("rootless engine")),
    ]
)
def containers(request: pytest.FixtureRequest) -> Iterator[Containers]:
    made: Containers = request.getfixturevalue(request.param)
    yield made
    assert made.left() == []


FILES = {
    "docs/report.md": REPORT,
    "notebooks/train.ipynb": TRAIN,
    "notebooks/helper.py": "def score(lr):\n    return 0.9 + lr\n",
    "data/rows.csv": "1\n2\n3\n",
}


def test_a_refresh_is_the_same_wherever_the_engine_is(containers: Containers) -> None:
    containers.write(CONFIG, FILES)
    root = containers.project.root
    before = checkout(root)
    containers.gpu_doc("run")
    text = containers.project.read("docs/report.md")
    assert "-->4.4<!--" in text
    assert "| 1 | 0.5 |" in text
    assert "from a terminal" in text
    assert checkout(root) == before
    owner = containers.user.uid if containers.user else os.getuid()
    assert {path.lstat().st_uid for path in root.rglob("*")} == {owner}
    machine = containers.project.evidence()["runs"][f"train-{containers.mark}"]["machine"]
    assert machine["image-digest"].startswith("sha256:")
    assert "nothing to run" in containers.gpu_doc("run").stdout
    assert containers.gpu_doc("check").returncode == 0


CACHED = """\
defaults:
  image: {image}
  {more}
reports:
  - path: docs/report.md
    runs:
      cached-{mark}: {{notebook: notebooks/cached.ipynb, caches: {{HF_HOME: CACHE}}}}
"""

CACHED_NOTEBOOK = notebook(
    code(
        "import os, pathlib\n"
        "path = pathlib.Path(os.environ['HF_HOME'], 'model')\n"
        "print('downloaded' if path.exists() else 'not yet', path.write_text('weights'))",
        "cache",
    )
)


@pytest.mark.parametrize(
    "containers",
    ["copied", pytest.param("rootless", marks=pytest.mark.xdist_group("rootless engine"))],
    indirect=True,
)
def test_a_cache_lasts_from_run_to_run(containers: Containers) -> None:
    cache = containers.project.root.parent / f"cache-{containers.mark}"
    shown = '<!-- gpu-doc: text("cached-{mark}/cache") -->\n<!-- gpu-doc: end -->\n'
    files = {"docs/report.md": shown, "notebooks/cached.ipynb": CACHED_NOTEBOOK}
    containers.write(CACHED.replace("CACHE", str(cache)), files)
    containers.gpu_doc("run")
    assert "not yet" in containers.project.read("docs/report.md")
    containers.gpu_doc("run", "--force")
    assert "downloaded" in containers.project.read("docs/report.md")


LOOK = """\
import json, os, pathlib, socket, subprocess, sys

def tried(what, *args):
    try:
        what(*args)
    except OSError as error:
        return type(error).__name__
    return "done"

def written(path):
    return tried(lambda: pathlib.Path(path, "gpu-doc-was-here").write_text("x"))

def readable(folder):
    found = ""
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if pathlib.Path(place, each) not in map(pathlib.Path, ("/proc", "/sys"))]
        for name in names:
            try:
                path = pathlib.Path(place, name)
                found += path.read_text(errors="replace") if path.is_file() and path.stat().st_size < 1e5 else ""
            except OSError:
                pass
    return found

PLACES = "/ /etc /usr /usr/local /opt /root /home /var /run /var/lib /sys /proc /dev /boot /srv /mnt /gpu-doc"
secret = "-".join(["tell", "nobody"])
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "capabilities": [status[f"Cap{kind}"].strip() for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
    "no-new-privileges": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
    "environment": dict(os.environ),
    "processes": [path.read_text().split("\\0")[0] for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")],
    "network": tried(socket.create_connection, ("127.0.0.1", 22), 1) + tried(socket.getaddrinfo, "example.org", 80),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "written": {place: written(place) for place in PLACES.split()},
    "scratch": {place: written(place) for place in ("/workspace", ".", "/tmp", "/var/tmp", os.path.expanduser("~"))},
    "sockets": [path for path in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)],
    "git": [str(path) for path in pathlib.Path("/workspace").rglob(".git/*")],
    "secret": secret in readable("/"),
}))
"""

LOOKING = """\
defaults:
  image: {image}
  {more}
  env: [WANTED]
reports:
  - path: docs/look.md
    runs:
      look-{mark}: {{notebook: notebooks/look.ipynb}}
"""


@pytest.mark.parametrize("containers", [pytest.param("copied", marks=pytest.mark.full), "overlaid"], indirect=True)
def test_from_inside_a_notebook_there_is_nothing_to_see_and_nothing_to_break(containers: Containers) -> None:
    shown = '<!-- gpu-doc: text("look-{mark}/seen") -->\n<!-- gpu-doc: end -->\n'
    subprocess.run(["git", "init", "-q", str(containers.project.root)], check=True)
    containers.write(
        LOOKING,
        {
            "docs/look.md": shown,
            "notebooks/look.ipynb": notebook(code(LOOK, "seen")),
            ".git/credentials": "tell-nobody",
            "third/.git/config": "tell-nobody",
            ".gpu-doc/old": "tell-nobody",
        },
    )
    root = containers.project.root
    before = checkout(root)
    containers.gpu_doc("run", WANTED="yes", GITHUB_TOKEN="tell-nobody", OTHER="tell-nobody")
    seen = json.loads(containers.project.read("docs/look.md").split("```text\n")[1].split("\n```")[0].replace("\n", ""))
    owner = containers.user.uid if containers.user else 1000
    assert (seen["uid"], seen["gid"], seen["groups"]) == (owner, owner, [owner])
    assert set(seen["capabilities"]) == {"0000000000000000"}
    assert (seen["no-new-privileges"], seen["seccomp"]) == ("1", "2")
    assert seen["environment"]["WANTED"] == "yes"
    assert seen["environment"]["NVIDIA_VISIBLE_DEVICES"] == "void"
    ours = {
        "HOME",
        "USER",
        "LOGNAME",
        "XDG_CACHE_HOME",
        "MPLCONFIGDIR",
        "TORCHINDUCTOR_CACHE_DIR",
        "IPYTHONDIR",
        "WANTED",
        "NVIDIA_VISIBLE_DEVICES",  # `void`: whatever the image says
    }
    kernels = {"JPY_PARENT_PID", "JUPYTER_RUNTIME_DIR", "PYDEVD_USE_FRAME_EVAL", "TERM", "CLICOLOR", "FORCE_COLOR"}
    kernels |= {"CLICOLOR_FORCE", "MPLBACKEND", "LC_CTYPE", *unattended.VARIABLES}
    assert set(seen["environment"]) <= ours | kernels | {"PATH", "HOSTNAME", "container"}  # the last is Podman's
    assert len(seen["processes"]) <= 4, seen["processes"]
    assert seen["network"] == "ConnectionRefusedErrorgaierror"
    assert seen["interfaces"] == ["lo"]
    assert {place: said for place, said in seen["written"].items() if said == "done"} == {}
    assert set(seen["scratch"].values()) == {"done"}
    assert seen["sockets"] == seen["git"] == []
    assert not seen["secret"]
    assert checkout(root) == before
