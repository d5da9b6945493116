"""Runs that attack what runs them, and checkouts that nobody would make on purpose: what is said, and what is left."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]  # ships no types
import psutil
import pytest

from gpu_doc.execution.runs.job import Finished, Job
from gpu_doc.execution.workers.own_log import LOG_LIMIT
from gpu_doc.model.configuration import Limits
from tests.integration.engines import image
from tests.integration.running import Heard, Runner, in_containers
from tests.troubleshooting import listed
from tests.waiting import PATIENCE, eventually

from .conftest import Project, code, environment, notebook
from .test_containers import Containers, copied, overlaid

__all__ = ["copied", "overlaid"]  # fixtures
pytestmark = [pytest.mark.full, pytest.mark.needs("docker"), pytest.mark.xdist_group("hostile containers")]

MARK = secrets.token_hex(4)

FORGE = """
import json, os, signal, struct, subprocess, time

def frame(kind, payload=b"", channel=0, size=None):
    return struct.pack(">BII", kind, channel, len(payload) if size is None else size) + payload

def event(**facts):
    return frame(1, json.dumps(facts).encode())

def forge(*frames):
    with open("/proc/1/fd/1", "wb", buffering=0) as line:
        for each in frames:
            line.write(each)
    time.sleep(0.3)

"""
LINE = "the run wrote to the line between its container and gpu-doc"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What a run does, and what is said of it; nothing where it does no harm."""

    said: str = ""
    cell: str = ""
    command: str = ""
    limits: Limits = field(default_factory=lambda: Limits(time=60))
    keys: dict[str, Any] = field(default_factory=dict)


def leaves(script: str, said: str = "") -> Attack:
    keys = {"produces": ("out/*.csv",)}
    return Attack(command=f"os.mkdir('out'); os.chdir('out')\n{script}", said=said, keys=keys)


DETACHED = {"detach": True}
FEW = Limits(time=60, processes=100)
ATTACKS = {
    # The line between a container and us
    "a frame of 4 GB": Attack(cell="forge(frame(5, size=2**32 - 1)); print('x' * 100_000)", said=LINE),
    "an event without its facts": Attack(cell="forge(event(event='produced'))", said=LINE),
    "an event that is deep": Attack(cell="forge(frame(1, b'[' * 60_000))", said=LINE),
    "a death that is none": Attack(cell="forge(event(event='died', status='x'))", said=LINE),
    "a line for a log": Attack(command="forge(b'epoch 1, loss 0.5\\n' * 10)", said=LINE),
    "a done that is none": Attack(command="forge(event(event='done', status=0, files='x'))", said=LINE),
    "channels": Attack(cell="forge(*[frame(kind, b'x', n) for kind in (2, 4, 2) for n in (1, 2, 9)] * 500)"),
    "errors": Attack(command="line = open('/proc/1/fd/2', 'wb', 0)\nfor _ in range(400): line.write(b'x' * 10_000)"),
    "a result of its own": Attack(
        command="open('/gpu-doc/outcome/done.json', 'w').write(json.dumps({'event': 'done', 'status': 'x'}))\n"
        "os.kill(os.getppid(), 9); time.sleep(9)",
        said=LINE,
        keys=DETACHED,
    ),
    "an endless result": Attack(
        command="open('/gpu-doc/outcome/x', 'w').truncate(1 << 40)", said="more than 1 GB", keys=DETACHED
    ),
    # What a run leaves
    "a file of a terabyte": leaves("open('x.csv', 'w').truncate(1 << 40)", said="more than 10 GB"),
    "a terabyte by the back door": leaves(
        "open('x.csv', 'w').close(); open('/gpu-doc/produced/y', 'w').truncate(1 << 40)", said="more than 10 GB"
    ),
    "a closed file": leaves("open('x.csv', 'w').close(); os.chmod('x.csv', 0)", said="can't be taken out: Permission"),
    "no file but a pipe": leaves("os.mkfifo('x.csv')", said="`out/x.csv` is a pipe"),
    "no file but a link": leaves("os.symlink('/etc/passwd', 'x.csv')", said="`out/x.csv` is a link to /etc/passwd"),
    "pipes and links beside a file": leaves(
        "open('x.csv', 'w').close(); os.mkfifo('pipe.csv')\n"
        "os.symlink('pipe.csv', 'a.csv'); os.symlink('/dev/zero', 'b.csv')\n"
        "os.symlink('loop.csv', 'loop.csv'); os.symlink('/etc', 'etc.csv')\n"
        "os.symlink('/proc/1/pagemap', 'endless.csv')\n"
        "os.symlink('/etc/passwd', 'users.csv'); os.symlink('/etc', '/gpu-doc/produced/elsewhere')"
    ),
    "names": leaves(
        "names = b'new\\nline.csv', b'\\xff.csv', b'-rf.csv', b'..csv', b'\\\\.csv', b'x' * 251 + b'.csv'\n"
        "for name in names: open(name, 'w').close()"
    ),
    # Its processes
    "the agent is killed": Attack(cell="os.kill(os.getppid(), 9); time.sleep(9)", said="the container was ended"),
    "the agent stands still": Attack(
        cell="os.kill(os.getppid(), signal.SIGSTOP)", limits=Limits(time=4), said="(limits.time)"
    ),
    "it stands still": Attack(
        cell="os.kill(os.getpid(), signal.SIGSTOP)", limits=Limits(cell_time=1), said="(limits.cell-time)"
    ),
    "its files are closed": Attack(cell="os.closerange(0, 4096); time.sleep(1)", said="the kernel died"),
    "a bomb": Attack(cell="subprocess.run(['sh', '-c', 'b() { b | b & }; b; sleep 1'])", limits=FEW),
    "a daemon": Attack(cell="subprocess.Popen(['sleep', '5417'], start_new_session=True)"),
    "100 MB for its own log": Attack(cell="subprocess.run('yes | head -c 100000000 >&2', shell=True)"),
    "it will not end": Attack(
        cell="import atexit\nfor n in 1, 2, 15: signal.signal(n, signal.SIG_IGN)\natexit.register(time.sleep, 99)\n"
        "open('late.csv', 'w').close()",
        keys={"produces": ("late.csv",)},
    ),
    # Its limits
    "no time": Attack(cell="1", limits=Limits(time=0.2), said="(limits.time)"),
    "no memory": Attack(cell="1", limits=Limits(memory=5_000_000), said="limits.memory is less than a container needs"),
    "no processor": Attack(cell="1", limits=Limits(cpus=0.001), said="to so few CPUs as limits.cpus says"),
    "no processes": Attack(cell="1", limits=Limits(processes=6), said="the container ended while the run went on"),
    "large parameters": Attack(cell="assert len(p) == 5_000_000", keys={"parameters": {"p": "x" * 5_000_000}}),
}


def made(runner: Runner, number: int, attack: Attack) -> Job:
    name = f"attack{number}-{MARK}"
    keys = {"limits": attack.limits, **attack.keys}
    if attack.command:
        return runner.job(name, command=("python3", "-c", FORGE + attack.command), **keys)
    path = runner.root / f"notebooks/{number}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(code(FORGE + attack.cell)))
    return runner.job(name, notebook=f"notebooks/{number}.ipynb", **keys)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """All of them, two at a time, while others run beside them."""
    folder = tmp_path_factory.mktemp("attacked")
    with in_containers(folder, image("ipykernel")) as runner:
        finished = runner.run([made(runner, *each) for each in enumerate(ATTACKS.values())])
    found = {name: finished[f"attack{number}-{MARK}"] for number, name in enumerate(ATTACKS)}
    assert left() == []
    return found


def left() -> list[str]:
    """What of our containers is there, and what ran in them."""
    with closing(docker.from_env()) as client:
        every = client.containers.list(all=True, ignore_removed=True)
        ours = [each.id for each in every if MARK in each.labels.get("io.gpu-doc.run", "")]
    processes = [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "5417"]]
    return ours + [str(each) for each in processes]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_told_in_words_and_hurts_nobody_else(name: str, attacked: dict[str, Finished]) -> None:
    attack, finished = ATTACKS[name], attacked[name]
    if not attack.said:
        assert finished.error is None, f"{finished.error}\n{finished.error.details}"
    else:
        assert finished.error
        assert attack.said in finished.error.what
        assert "gpu_doc/" not in finished.error.details
        assert "Traceback" not in finished.error.details
        assert listed(finished.error.what) or "more than" in finished.error.what
    log = finished.job.folder / "kernel.log"
    assert not log.exists() or log.stat().st_size <= LOG_LIMIT


def test_nothing_but_files_comes_out_and_none_of_it_lies_elsewhere(attacked: dict[str, Finished]) -> None:
    folder = attacked["pipes and links beside a file"].job.folder
    everything = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    assert everything == {"produced/out/x.csv", "resources.json", "terminal.log"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    names = {os.fsencode(path.name) for path in (attacked["names"].job.folder / "produced/out").iterdir()}
    assert names == {b"new\nline.csv", b"\xff.csv", b"-rf.csv", b"..csv", b"\\.csv", b"x" * 251 + b".csv"}


def test_many_runs_leave_nothing_in_the_process_that_drives_them(tmp_path: Path) -> None:
    class Watching(Heard):
        def finished(self, address: str, seconds: float, *, ok: bool, more: Callable[[], Sequence[str]]) -> None:
            super().finished(address, seconds, ok=ok, more=more)
            held.append([])
            for each in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    held[-1].append((each.num_fds(), each.num_threads()))

    held: list[list[tuple[int, int]]] = []
    (tmp_path / "root").mkdir()
    (tmp_path / "root/n.ipynb").write_text(notebook(code("print('x' * 100_000)")))
    with in_containers(tmp_path, image("ipykernel")) as runner:
        runner.heard = Watching()
        done = runner.run([runner.job(f"many{n}-{MARK}", notebook="n.ipynb") for n in range(8)], parallel=1)
    assert [each.error for each in done.values()] == [None] * 8
    assert held[-1]
    # A run ends while the next one begins, so that two may be there.
    assert all(files <= 60 and threads <= 20 for files, threads in held[-1])


# --- checkouts -------------------------------------------------------------------------------------------------------

SEEN = """\
import json, os
places = [os.path.relpath(os.path.join(place, each), "/workspace") for place, folders, names in os.walk("/workspace")
          for each in folders + names]
print(json.dumps([[each for each in places if len(each) < 100], os.environ.get("ODD"), "NOT_SET" in os.environ]))
"""
CONFIG = """\
defaults:
  image: {image}
  {more}
reports:
  - path: docs/report.md
    runs:
      odd-{mark}: {{notebook: "{folder}/n.ipynb", env: [ODD, NOT_SET]}}
"""
SHOWN = '<!-- gpu-doc: text("odd-{mark}/seen") -->\n<!-- gpu-doc: end -->\n'
NAMES = (b"new\nline", b"\xff\xfe", b"-rf", "中文".encode(), b"x" * 250, b"a'b\"c", b"a:b,c", b"back\\slash", b"%41")


@pytest.fixture(params=["copied", "overlaid"])
def containers(request: pytest.FixtureRequest) -> Iterator[Containers]:
    found: Containers = request.getfixturevalue(request.param)
    yield found
    assert found.left() == []


def odd(containers: Containers, folder: str = "note ' books") -> Project:
    containers.write(
        CONFIG.replace("{folder}", folder),
        {"docs/report.md": SHOWN, f"{folder}/n.ipynb": notebook(code(SEEN, "seen"))},
    )
    return containers.project


def seen(containers: Containers, value: str = "x") -> set[str]:
    """What the run sees in its workspace; `value` is handed to it in a variable."""
    containers.gpu_doc("run", ODD=value)
    text = containers.project.read("docs/report.md").split("```text\n")[1].split("\n```")[0]
    places, handed, set_ = json.loads(text.replace("\n", ""))
    assert (handed, set_) == (value, False)
    return set(places)


def test_a_checkout_may_hold_anything(containers: Containers) -> None:
    whole = containers.project
    containers.project = Project(whole.root / "p %41:,ro,\\ '\" 中文\n")
    project = odd(containers)
    for name in map(os.fsdecode, NAMES):
        (project.root / name).write_text("1")
    project.write({"new\nline:,/.git/config": "tell-nobody", ".git": "gitdir: nowhere\n"})
    os.mkfifo(project.root / "pipe")
    bind = "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
    subprocess.run([sys.executable, "-c", bind], cwd=project.root, check=True)
    for link, target in {"dangling": "nowhere", "loop": "loop", "etc": "/etc"}.items():
        (project.root / link).symlink_to(target)
    if containers.user:
        containers.user.give(whole.root)
    found = seen(containers, "a=b,\n" + "x" * 100_000)
    assert {os.fsdecode(name) for name in NAMES if len(name) < 100} <= found
    assert {"dangling", "loop", "etc"} <= found
    assert not any(".git/" in each for each in found)


def test_a_configuration_may_be_a_link_and_a_folder_of_notebooks_too(containers: Containers) -> None:
    project = odd(containers, "notes")
    (project.root / "gpu-doc.yml").rename(project.root / "settings.yml")
    (project.root / "gpu-doc.yml").symlink_to(project.root / "settings.yml")
    (project.root / "notes").rename(project.root / "real")
    (project.root / "notes").symlink_to(project.root / "real")
    if containers.user:
        containers.user.give(project.root)
    assert "real/n.ipynb" in seen(containers)


def test_notebooks_outside_of_the_checkout_are_told_of(copied: Containers, tmp_path: Path) -> None:
    project = odd(copied, "notes")
    (project.root / "notes").rename(tmp_path / "elsewhere")
    (project.root / "notes").symlink_to(tmp_path / "elsewhere")
    assert "a link that leads out of the checkout" in copied.gpu_doc("run", code=5).stderr


def test_what_an_engine_can_not_be_told_to_hide_is_not_shown(overlaid: Containers) -> None:
    project = odd(overlaid)
    (project.root / os.fsdecode(b"\xff") / ".git").mkdir(parents=True)
    assert overlaid.user
    overlaid.user.give(project.root)
    said = overlaid.gpu_doc("run", code=5).stderr
    assert "can't be hidden from runs: its name is not in UTF-8" in said
    assert listed(said)


def test_the_users_of_an_image_may_be_a_link(tmp_path: Path) -> None:
    """As in images that Nix makes."""
    reference = f"gpu-doc-test/links:{MARK}"
    with closing(docker.from_env()) as client:
        script = "mkdir /store; for f in passwd group; do mv /etc/$f /store; ln -s ../store/$f /etc/$f; done"
        container = client.containers.create(image("bare"), ["sh", "-c", script], user="0")
        try:
            container.start()
            container.wait()
            container.commit("gpu-doc-test/links", MARK)
            with in_containers(tmp_path, reference) as runner:
                done = runner.one(f"who-{MARK}", command=("sh", "-c", "grep -c ^root: /etc/passwd; whoami"))
            assert done.error is None
            assert (done.job.folder / "terminal.log").read_bytes().split() == [b"1", b"runner"]
        finally:
            container.remove(force=True)
            client.images.remove(reference, force=True)


# --- others at the same time -----------------------------------------------------------------------------------------

WAITING = notebook(code("import time; time.sleep(4); print('done')", "seen"))


def test_refreshes_at_the_same_time_spare_each_other_and_clean_spares_both(tmp_path: Path) -> None:
    both = [Containers(Project(tmp_path / name), docker.from_env, image("ipykernel")) for name in ("one", "two")]
    for each in both:
        odd(each, "notes").write({"notes/n.ipynb": WAITING})
    started = [begin(each, "run") for each in (both[0], both[0], both[1])]
    assert eventually(lambda: all(each.left() for each in both))
    cleaned = [begin(each, "clean") for each in both]
    said = [each.communicate(timeout=PATIENCE)[0] for each in cleaned + started]
    assert [each.returncode for each in cleaned + started] == [0] * 5, said
    assert sum("1 run executed" in each for each in said) == 2
    assert [each.left() for each in both] == [[], []]


def begin(containers: Containers, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gpu_doc", *words],
        cwd=containers.project.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
