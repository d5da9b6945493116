from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from gpu_doc.errors import MachineError
from gpu_doc.execution.containers.address import DEFAULT, find


def context(home: Path, name: str, host: str, *, current: bool = True, certificates: bool = False) -> None:
    key = sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / key / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}))
    if certificates:
        (home / ".docker/contexts/tls" / key / "docker").mkdir(parents=True)
    if current:
        (home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


def test_the_configuration_wins_over_the_environment_and_that_over_the_context(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert find(None, environ).host == DEFAULT
    context(tmp_path, "desktop-linux", "unix:///home/me/.docker/desktop/docker.sock")
    here = find(None, environ)
    assert here.socket == Path("/home/me/.docker/desktop/docker.sock")
    assert here.source == "the Docker context desktop-linux"
    environ["DOCKER_HOST"] = "tcp://10.0.0.1:2375"
    assert find(None, environ).variables == {"DOCKER_HOST": "tcp://10.0.0.1:2375"}
    assert find("ssh://gpu-box", environ).host == "ssh://gpu-box"
    assert find("ssh://gpu-box", environ).socket is None


def test_a_context_brings_its_certificates(tmp_path: Path) -> None:
    context(tmp_path, "far", "tcp://10.0.0.1:2376", current=False, certificates=True)
    found = find(None, {"HOME": str(tmp_path), "DOCKER_CONTEXT": "far"}).variables
    assert found["DOCKER_TLS_VERIFY"] == "1"
    assert Path(found["DOCKER_CERT_PATH"]).is_dir()


def test_certificates_are_for_tcp_and_docker_says_where_they_are(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "DOCKER_TLS_VERIFY": "1"}
    assert find("unix:///x", environ).variables == {"DOCKER_HOST": "unix:///x"}
    assert find("tcp://x:2376", environ).variables["DOCKER_CERT_PATH"] == str(tmp_path / ".docker")
    assert find("tcp://x:2376", {**environ, "DOCKER_CERT_PATH": "/certs"}).certificates == "/certs"


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="`gone`") as raised:
        find(None, {"HOME": str(tmp_path), "DOCKER_CONTEXT": "gone"})
    assert "docker context ls" in raised.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", '{"auths": {}}'])
def test_other_configuration_files_are_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert find(None, {"DOCKER_CONFIG": str(tmp_path)}).host == DEFAULT
