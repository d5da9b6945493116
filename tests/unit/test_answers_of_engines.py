"""What engines of every kind answer is understood, and nothing that anybody answers is a defect."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.containers import container_answers, engine_facts, image_answers, reference
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.gpus import offer as offers
from gpu_doc.execution.gpus.inventory import Gpu
from gpu_doc.execution.gpus.offer import Offer, specified
from gpu_doc.execution.gpus.requests import ALL, device_requests
from gpu_doc.model.configuration import ImageIdentity

RECORDED = Path(__file__).parents[1] / "answers"
ENGINES = sorted(path.stem for path in RECORDED.glob("*.json"))
GPU = Gpu(id="GPU-5aa1b2c3", index="1", name="NVIDIA L4", memory=24 << 30, free=24 << 30)
UNSEEN = Gpu(id="2", index="0", name="", memory=0, free=0)
RUNTIME = {"Runtimes": {"nvidia": {"path": "nvidia-container-runtime"}, "runc": {}}}


def listed(*names: str) -> dict[str, Any]:
    return {"DiscoveredDevices": [{"Source": "cdi", "ID": name} for name in names]}


def facts(engine: str, **info: Any) -> engine_facts.EngineFacts:
    said = json.loads((RECORDED / f"{engine}.json").read_text("utf-8"))
    return engine_facts.facts({**said["info"], **info}, said["version"])


# --- what is understood ----------------------------------------------------------------------------------------------


def test_every_engine_that_people_have_was_asked() -> None:
    kinds = {"docker-20", "docker-24", "docker-26", "docker-28", "docker-29", "podman-4", "podman-5"}
    assert {engine.partition(".")[0] for engine in ENGINES} == kinds
    told = (RECORDED / "README.md").read_text("utf-8")
    assert [engine for engine in ENGINES if f"`{engine}`" not in told] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_engine_says_of_itself_is_understood(engine: str) -> None:
    kind, _, number = engine.partition("-")
    found = facts(engine)
    assert found.podman == (kind == "podman")
    assert found.version.startswith(number)
    assert found.name.startswith("Podman " if found.podman else number)
    assert found.limits == {"memory", "cpus", "processes"}
    assert (found.cpus, found.memory, found.rootless, found.remapped) == (8, 33554432000, False, False)
    assert found.folder.startswith("/var/lib/")
    assert (
        engine_facts.spoken(json.loads((RECORDED / f"{engine}.json").read_text("utf-8"))["version"])
        == found.api_version
    )


# What it gives without a GPU: CDI, and the names that it lists (None: it doesn't say).
WITHOUT = {
    "docker-20.10": (False, None),
    "docker-24.0": (False, None),
    "docker-26.1": (False, None),
    "docker-28.5": (True, frozenset[str]()),  # its folders are there by default, its list isn't where it is empty
    "docker-29.7": (True, frozenset[str]()),
    "podman-4.3": (False, None),
    "podman-5.4": (True, None),
    "podman-5.8": (True, None),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_without_a_gpu_offers_none(engine: str) -> None:
    offer = facts(engine).offer
    assert (offer.cdi, offer.names) == WITHOUT[engine]
    assert not offer.nvidia
    assert offer.any == engine.startswith("podman-5"), "only where it can't be known"


@pytest.mark.parametrize("engine", [each for each in ENGINES if each.startswith("docker")])
def test_nvidias_runtime_is_an_offer(engine: str) -> None:
    assert facts(engine, **RUNTIME).offer.any


def test_what_an_engine_lists_counts() -> None:
    offer = facts("docker-29.7", **listed("nvidia.com/gpu=0", "nvidia.com/gpu=all", "amd.com/gpu=0")).offer
    assert offer.names == frozenset({"0", "all"})
    assert offer.amd
    assert facts("docker-28.5", **listed("amd.com/gpu=0")).offer.names == frozenset()
    assert facts("docker-26.1", CDISpecDirs=["/etc/cdi"]).offer == Offer(cdi=True, folders=("/etc/cdi",))


def test_an_engine_holds_a_limit_unless_it_says_no() -> None:
    assert facts("docker-29.7", MemoryLimit=False, CpuCfsQuota=None).limits == {"cpus", "processes"}
    assert engine_facts.facts({}, {}).limits == {"memory", "cpus", "processes"}


# --- what is asked of it ---------------------------------------------------------------------------------------------


def by_cdi(*names: str) -> list[dict[str, Any]]:
    return [{"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={name}" for name in names]}]


def by_driver(*ids: str) -> list[dict[str, Any]]:
    return [{"Driver": "nvidia", "DeviceIDs": list(ids), "Capabilities": [["gpu"]]}]


NUMBERS = listed("nvidia.com/gpu=0", "nvidia.com/gpu=1", "nvidia.com/gpu=all")
BOTH = listed("nvidia.com/gpu=1", "nvidia.com/gpu=GPU-5aa1b2c3")

ASKED = [
    # engine, what it adds to its answer, gpu-driver, GPU, what is asked for
    ("docker-20.10", RUNTIME, "auto", GPU, by_driver("GPU-5aa1b2c3")),
    ("docker-26.1", {**RUNTIME, "CDISpecDirs": ["/none"]}, "auto", GPU, by_driver("GPU-5aa1b2c3")),
    ("docker-26.1", {"CDISpecDirs": ["/none"]}, "auto", GPU, by_cdi("1")),  # nobody can know its names
    ("docker-28.5", RUNTIME, "auto", GPU, by_driver("GPU-5aa1b2c3")),
    ("docker-28.5", {**RUNTIME, **NUMBERS}, "auto", GPU, by_cdi("1")),
    ("docker-29.7", NUMBERS, "auto", GPU, by_cdi("1")),
    ("docker-29.7", NUMBERS, "cdi", GPU, by_cdi("1")),
    ("docker-29.7", {**RUNTIME, **NUMBERS}, "nvidia", GPU, by_driver("GPU-5aa1b2c3")),
    ("docker-29.7", BOTH, "auto", GPU, by_cdi("GPU-5aa1b2c3")),
    ("docker-29.7", {**RUNTIME, **BOTH}, "auto", UNSEEN, by_driver("2")),  # CDI hasn't all of them
    ("docker-29.7", NUMBERS, "auto", ALL, by_cdi("all")),
    ("docker-29.7", BOTH, "auto", ALL, by_cdi("1")),
    ("docker-29.7", {}, "auto", GPU, by_driver("GPU-5aa1b2c3")),  # only a start tells
    ("podman-5.4", {}, "auto", GPU, by_cdi("1")),
    ("podman-5.8", {}, "cdi", ALL, by_cdi("all")),
]


@pytest.mark.parametrize(("engine", "info", "driver", "gpu", "asked"), ASKED)
def test_gpus_are_asked_for_by_names_that_the_engine_knows(
    engine: str, info: dict[str, Any], driver: Any, gpu: Gpu, asked: Any
) -> None:
    assert device_requests([gpu], driver, facts(engine, **info).offer) == asked
    assert device_requests([], driver, facts(engine, **info).offer) == []


REFUSED = [
    ("docker-20.10", {}, "cdi", "knows no CDI device", "nvidia-ctk cdi generate"),
    ("docker-28.5", {}, "cdi", "knows no CDI device", "nvidia-ctk cdi generate"),
    ("docker-29.7", listed("nvidia.com/gpu=0"), "cdi", "no CDI device for GPU 1 (NVIDIA L4, 24 GiB)", "generate"),
    ("podman-4.3", {}, "auto", "too old to give GPUs", "Podman 5"),
    ("podman-5.4", {}, "nvidia", "by CDI only", "gpu-driver"),
]


@pytest.mark.parametrize(("engine", "info", "driver", "what", "remedy"), REFUSED)
def test_what_an_engine_cannot_give_is_refused_before_it_is_asked(
    engine: str, info: dict[str, Any], driver: Any, what: str, remedy: str
) -> None:
    with pytest.raises(MachineError) as raised:
        device_requests([GPU], driver, facts(engine, **info).offer)
    assert what in raised.value.what
    assert remedy in raised.value.remedy


# --- specifications on this machine ----------------------------------------------------------------------------------

SPECIFICATION = """\
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}
- name: 1
- name: GPU-5aa1b2c3
"""


def test_specifications_are_read_where_an_engine_lists_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert specified([str(tmp_path / "none")]) is None
    assert specified([str(tmp_path)]) == frozenset()
    (tmp_path / "nvidia.yaml").write_text(SPECIFICATION)
    (tmp_path / "mig.json").write_text('{"kind": "nvidia.com/gpu", "devices": [{"name": "0:1"}]}')
    (tmp_path / "amd.json").write_text('{"kind": "amd.com/gpu", "devices": [{"name": "9"}]}')
    for name, content in {
        "a.yaml": "[",
        "b.json": "null",
        "c.json": "{}",
        "d.yaml": "\0",
        "e.txt": SPECIFICATION,
    }.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "f.yaml").mkdir()
    assert specified([str(tmp_path)]) == frozenset({"0", "1", "GPU-5aa1b2c3", "0:1"})
    monkeypatch.setattr(offers, "FOLDERS", (str(tmp_path),))
    here = offers.seen_here(facts("podman-5.4").offer)
    assert device_requests([GPU], "auto", here) == by_cdi("GPU-5aa1b2c3")


def test_podman_without_a_specification_says_what_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "FOLDERS", (str(tmp_path),))
    with pytest.raises(MachineError, match="knows no CDI device") as raised:
        device_requests([GPU], "auto", offers.seen_here(facts("podman-5.4").offer))
    assert "nvidia-ctk cdi generate" in raised.value.remedy


@pytest.mark.parametrize(
    ("engine", "program", "nvidia"),
    [
        ("docker-20.10", "nvidia-container-runtime-hook", True),
        ("docker-29.7", "nvidia-container-runtime-hook", True),
        ("docker-28.5", "nvidia-cdi-hook", False),
        ("docker-29.7", "nvidia-cdi-hook", True),
        ("podman-5.4", "nvidia-container-runtime-hook", False),
    ],
)
def test_a_hook_on_this_machine_is_an_offer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    program: str,
    nvidia: bool,  # noqa: FBT001 - a table's column
) -> None:
    (tmp_path / program).write_text("#!/bin/sh\n")
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert offers.seen_here(facts(engine).offer).nvidia == nvidia


# --- nothing is a defect ---------------------------------------------------------------------------------------------

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutilated(draw: st.DrawFn) -> tuple[Any, Any]:
    """What an engine said, with fields left out, of other types, or new; or something else altogether."""
    said = json.loads((RECORDED / f"{draw(st.sampled_from(ENGINES))}.json").read_text("utf-8"))
    for answer in said.values():
        names = [*answer, "DiscoveredDevices", "CDISpecDirs"]
        for name in draw(st.lists(st.sampled_from(names), max_size=4)):
            answer.pop(name, None)
        for name in draw(st.lists(st.sampled_from(names), max_size=4)):
            answer[name] = draw(JSON)
    return draw(st.just(said["info"]) | JSON), draw(st.just(said["version"]) | JSON)


@given(mutilated(), st.sampled_from(["auto", "nvidia", "cdi"]), st.sampled_from([GPU, UNSEEN, ALL]))
def test_whatever_an_engine_says_of_itself_is_a_value_or_a_sentence(said: Any, driver: Any, gpu: Gpu) -> None:
    found = engine_facts.facts(*said)
    assert isinstance(found.name, str)
    assert isinstance(found.offer.any, bool)
    for act in (lambda: device_requests([gpu], driver, found.offer), lambda: engine_facts.spoken(said[1])):
        with suppress(GpuDocError):
            act()


STATE = {"State": {"Status": "exited", "Running": False, "ExitCode": 137, "OOMKilled": True, "Error": ""}}
IMAGE = {
    "Id": f"sha256:{'0' * 64}",
    "RepoDigests": [f"team/x@sha256:{'1' * 64}"],
    "RootFS": {"Layers": ["sha256:2"]},
    "Config": {"Env": ["A=b"], "User": "", "Labels": {}, "Cmd": None, "WorkingDir": "/"},
    "Identity": {"Pull": [{"Repository": "team/x"}]},
}
KNOWN = ImageIdentity(f"team/x@sha256:{'1' * 64}", "sha256:3")


def identified(answer: Any) -> Any:
    """Which image it is, as a run and the path without the SDK find it out."""
    return [reference.identify(image_answers.described(answer), "team/x", known) for known in (None, KNOWN)]


READERS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "state": (container_answers.state, STATE),
    "entrypoint": (container_answers.entrypoint, {"Config": {"Entrypoint": ["python3"]}}),
    "identity": (lambda answer: container_answers.identity(answer, "a container"), {"Id": "0123"}),
    "link": (container_answers.link_target, {"linkTarget": "/etc/other"}),
    "containers": (
        container_answers.containers,
        [{"Id": "0", "State": "running", "Labels": {"a": "b"}, "Mounts": [{"Name": "v"}]}],
    ),
    "volume": (container_answers.volume, {"Name": "v", "Mountpoint": "/v", "Labels": None}),
    "volumes": (container_answers.volumes, {"Volumes": [{"Name": "v", "Mountpoint": "/v", "Labels": {"a": "b"}}]}),
    "image": (
        image_answers.configured,
        {"Config": {"Entrypoint": None, "Cmd": ["sh"], "User": "1", "WorkingDir": "/"}},
    ),
    "size": (image_answers.size, {"Size": 12}),
    "identity of an image": (identified, IMAGE),
    "distribution": (
        image_answers.distribution,
        {"Descriptor": {"digest": "sha256:0", "mediaType": "application/json"}},
    ),
    "pull": (image_answers.pulled, {"id": "0", "status": "Downloading", "progressDetail": {"current": 1, "total": 2}}),
    "failed pull": (image_answers.pulled, {"errorDetail": {"message": "no such image"}}),
    "manifest": (image_answers.manifest, {"mediaType": "application/json", "manifests": [{}], "message": ""}),
}


def holes(answer: Any) -> st.SearchStrategy[Any]:
    """An answer of which any part may be missing, or something else."""
    if isinstance(answer, dict):
        fields = {name: holes(value) for name, value in answer.items()}
        return st.fixed_dictionaries({}, optional=fields) | JSON
    if isinstance(answer, list):
        return st.lists(st.one_of([holes(each) for each in answer] or [JSON]), max_size=3) | JSON
    return st.just(answer) | JSON


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_an_engine_answers_is_a_value_or_a_sentence(name: str, data: st.DataObject) -> None:
    read, answer = READERS[name]
    with suppress(EngineError):
        read(data.draw(holes(answer)))


@pytest.mark.parametrize("name", ["state", "identity", "volume", "identity of an image", "distribution"])
def test_what_nothing_can_be_done_without_is_named(name: str) -> None:
    with pytest.raises(EngineError, match=r"the engine answered without .+ \(`\w+`\)") as raised:
        READERS[name][0]({})
    assert raised.value.remedy


def test_answers_are_read_as_they_are_meant() -> None:
    found = container_answers.state(STATE)
    assert (found.running, found.over, found.status, found.out_of_memory) == (False, True, 137, True)
    assert container_answers.state({"State": {"Running": True}}).phase == "running"
    assert container_answers.state({"State": {"Status": "Running"}}).running
    (container,) = container_answers.containers([*READERS["containers"][1], {"State": "running"}, None])
    assert (container.id, container.labels, container.volumes, container.over) == (
        "0",
        {"a": "b"},
        frozenset({"v"}),
        False,
    )
    assert container_answers.volumes({"Volumes": None}) == []
    assert image_answers.pulled({"error": "none"}).problem == "none"
    assert image_answers.described(IMAGE)["Config"] == {**IMAGE["Config"], "Cmd": []}  # type: ignore[dict-item]  # a mapping
    assert image_answers.configured({}) == image_answers.Configured(entrypoint=(), command=(), user="", folder="")


@pytest.mark.parametrize("answer", [None, {}, {"ApiVersion": None}, {"ApiVersion": "new"}, [1], "no engine"])
def test_what_is_no_engine_is_told(answer: Any) -> None:
    with pytest.raises(EngineError, match="does not say which version of Docker's API"):
        engine_facts.spoken(answer)


@pytest.mark.parametrize(("version", "pair"), [("1.41", (1, 41)), ("5.4.2-dev", (5, 4)), ("5", (5, 0)), ("", (0, 0))])
def test_versions_have_two_numbers(version: str, pair: tuple[int, int]) -> None:
    assert engine_facts.numbers(version) == pair
