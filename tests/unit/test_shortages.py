"""Which limits a run has met, by what the kernel's files say in each version of control groups.

The contents are as the kernel writes them (https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroup-v1/memory.html);
version 1 is what the containers of tests/integration/test_endings.py run under where these tests were written.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.agent.shortages import out_of_memory_kills, shortages

EVENTS = "low 0\nhigh 0\nmax 12\noom 1\noom_kill {kills}\noom_group_kill 0\n"
OOM_CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n"
PIDS = "max {refusals}\n"

VERSION_1 = (
    "memory/memory.oom_control",
    OOM_CONTROL,
    "pids/pids.events",
    "4:memory:/docker/0123\n3:pids:/docker/0123\n",
)
PRIVATE = ("memory.events", EVENTS, "pids.events", "0::/\n")
HOSTS = (
    "system.slice/docker-0123.scope/memory.events",
    EVENTS,
    "system.slice/docker-0123.scope/pids.events",
    "0::/system.slice/docker-0123.scope\n",
)
OUTSIDE = ("memory.events", EVENTS, "pids.events", "0::/../docker-0123.scope\n")
BOTH = ("memory/memory.oom_control", OOM_CONTROL, "pids/pids.events", "4:memory:/docker/0123\n0::/docker/0123\n")
VERSIONS = {"1": VERSION_1, "2": PRIVATE, "2-of-the-host": HOSTS, "2-from-outside": OUTSIDE, "1-and-2": BOTH}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kills", "refusals"), [(0, 0), (2, 0), (0, 7)])
def test_both_versions_of_control_groups_tell(tmp_path: Path, version: str, kills: int, refusals: int) -> None:
    memory, said, pids, own = VERSIONS[version]
    for name, text in {memory: said.format(kills=kills), pids: PIDS.format(refusals=refusals), "own": own}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = shortages(tmp_path, tmp_path / "own")
    assert found == Shortages(kills > 0, refusals > 0)


def test_the_hosts_other_groups_are_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "own").write_text(HOSTS[3])
    (tmp_path / "system.slice/docker-0123.scope").mkdir(parents=True)
    (tmp_path / HOSTS[0]).write_text(EVENTS.format(kills=0))
    (tmp_path / "memory.events").write_text(EVENTS.format(kills=5))
    assert shortages(tmp_path, tmp_path / "own") == Shortages(out_of_memory=False)
    assert out_of_memory_kills(tmp_path, tmp_path / "own") == 0


def test_the_kills_of_our_own_group_are_counted_on_a_host_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("9:name=systemd:/\n4:cpu,memory:/ci/runner\n0::/\n")
    for folder, kills in {"memory/ci/runner": 2, "memory": 5}.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "memory.oom_control").write_text(OOM_CONTROL.format(kills=kills))
    assert out_of_memory_kills(tmp_path, tmp_path / "own") == 2


@pytest.mark.parametrize("content", [None, "", "oom_kill\n", "oom_kill many\n", "a b c\n"])
def test_what_the_system_does_not_tell_is_left_out(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "memory.events").write_text(content)
    assert shortages(tmp_path, tmp_path / "none") == Shortages()
    assert out_of_memory_kills(tmp_path, tmp_path / "none") == 0
