"""Which folders of this machine no container is given."""

from __future__ import annotations

import pwd
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_doc.errors import ConfigError
from gpu_doc.model.configuration import Config, DataSource, Report, Run
from gpu_doc.trust import mounts

RUN = Run(report="a.md", name="train", address="train", line=3, command=("true",), image="debian:12")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "checkout/.git").mkdir(parents=True)
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "state").mkdir()
    return tmp_path / "checkout"


def refused(tree: Path, run: Run, **environ: str) -> str:
    """Why; empty where nothing is refused."""
    chosen = Config(path=tree / "gpu-doc.yml", root=tree, reports=(Report(path="a.md", line=1, runs=(run,)),))
    home = {"HOME": str(tree.parent / "home")}
    try:
        mounts.refuse(chosen, tree, [tree.parent / "state", tree.parent / "home/.local/state/key"], home | environ)
    except ConfigError as error:
        return error.details
    return ""


def cache(tree: Path, path: Path | str, **environ: str) -> str:
    return refused(tree, replace(RUN, caches={"X": str(path)}), **environ)


def data(tree: Path, path: Path | str) -> str:
    return refused(tree, replace(RUN, data=(DataSource(path=str(path)),)))


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/run", "/run/user/1000", "/var/run", "/var/run/docker", "/var", "/var/lib", "/var/lib/docker"),
        *("/proc", "/proc/1", "/sys", "/dev", "/etc", "/etc/ssh", "/boot", "/usr", "/usr/bin", "/bin", "/lib", "/tmp"),
        *("/home/../etc", "/srv/../run", "//etc", "/dev/shm/../mem"),
    ],
)
def test_system_folders_are_never_caches(tree: Path, path: str) -> None:
    assert cache(tree, path).startswith(f"gpu-doc.yml:3: `caches`: {path} ")


@pytest.mark.parametrize(
    "path", ["/srv/hf", "/var/cache/hf", "/dev/shm/hf", "/opt/hf", "/mnt/data", "/run/media/a/disk"]
)
def test_what_is_made_for_sharing_may_be_a_cache(tree: Path, path: str) -> None:
    assert cache(tree, path) == ""
    assert data(tree, path) == ""


def test_links_count_by_where_they_lead(tree: Path) -> None:
    (tree.parent / "cache").symlink_to("/run")
    (tree.parent / "folder").mkdir()
    (tree.parent / "folder/deep").symlink_to("/etc")
    (tree / "rows").symlink_to("/proc/self")
    assert "leads to /run, which is /run" in cache(tree, tree.parent / "cache")
    assert "lies in /etc" in cache(tree, tree.parent / "folder/deep/ssh")
    assert cache(tree, tree.parent / "folder") == ""
    assert "lies in /proc" in data(tree, "rows")


def test_homes_state_and_the_checkout_are_nobodys_cache(tree: Path) -> None:
    above = tree.parent
    for path in (
        "home",
        "home/.ssh",
        "home/.ssh/keys",
        "home/.aws",
        "home/.docker",
        "home/.local/bin",
        "home/.config/gh",
    ):
        assert "`caches`" in cache(tree, above / path), path
    for path in ("state", "state/layers", "checkout", "checkout/.git", "checkout/.git/hooks", "checkout/.gpu-doc", "."):
        assert "`caches`" in cache(tree, above / path), path
    assert "`caches`" in cache(tree, Path(pwd.getpwuid(0).pw_dir, ".ssh"))
    for path in ("home/.cache/hf", "home/.keras", "checkout/cache"):
        assert cache(tree, above / path) == "", path
    for path in (
        "/",
        "/etc",
        "/run",
        "/var/run",
        f"{above}/home",
        f"{above}/state",
        ".git",
        ".git/config",
        "../home/.ssh",
    ):
        assert "`data`" in data(tree, path), path
    for path in ("rows", "/usr/share/dict", f"{above}/elsewhere"):
        assert data(tree, path) == "", path


def test_sockets_are_found_where_they_are_named_and_where_they_lie(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("s")
    assert cache(tree, place) == ""
    assert f"holds {place}/deep/engine.sock" in cache(tree, place, DOCKER_HOST=f"unix://{place}/deep/engine.sock")
    assert cache(tree, place, SSH_AUTH_SOCK=f"{place}/agent")
    assert cache(tree, place, SSH_AUTH_SOCK=f"{place}-else/agent") == ""
    own = replace(RUN, caches={"X": str(place)}, docker_host=f"unix://{place}/x.sock")
    assert refused(tree, own)
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(place / "any"))
        assert f"holds the socket {place}/any" in cache(tree, place)
        assert f"holds the socket {place}/any" in data(tree, place / "any")


def test_a_local_run_is_given_nothing(tree: Path) -> None:
    assert refused(tree, replace(RUN, image=None, caches={"X": "/"})) == ""
