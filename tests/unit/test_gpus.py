from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import Exit, MachineError
from gpu_doc.execution.containers import failures
from gpu_doc.execution.gpus.inventory import Gpu, Inventory, inventory
from gpu_doc.execution.gpus.leases import Lease, Leases
from gpu_doc.execution.gpus.offer import Offer
from gpu_doc.execution.gpus.requests import cuda_variables
from gpu_doc.execution.runs.devices import Devices, busy, check, choose, default_jobs, local_environment, search
from gpu_doc.model.configuration import GpuRequirement, Run

GIB = 1 << 30
T4 = [Gpu(id=f"GPU-t4-{n}", index=str(n), name="Tesla T4", memory=15 * GIB, free=15 * GIB) for n in range(2)]
H100 = Gpu(id="GPU-h100", index="2", name="NVIDIA H100 80GB HBM3", memory=81559 << 20, free=80 * GIB)
UNSEEN = Gpu(id="3", index="0", name="", memory=0, free=0)
MIXED = Inventory(gpus=(*T4, H100), driver="570.86.15")


def run(**settings: Any) -> Run:
    return Run(report="a.md", name="r", address="r", line=1, notebook="a.ipynb", **settings)


def requires(**what: Any) -> GpuRequirement:
    return GpuRequirement(**what)


def facts(*gpus: Gpu, **known: Any) -> dict[str, Any]:
    shown = [{"id": g.id, "index": g.index, "name": g.name, "memory": g.memory, "free": g.free} for g in gpus]
    return {"gpus": shown, "hidden": 0, "driver": "", "problem": "", **known}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine without the driver's library, and with no program."""
    (tmp_path / "libnvidia-ml.so.1").touch()
    return {"PATH": str(tmp_path), "LD_LIBRARY_PATH": str(tmp_path)}


def nvidia_smi(environ: dict[str, str], script: str) -> None:
    path = Path(environ["PATH"], "nvidia-smi")
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- what is here ----------------------------------------------------------------------------------------------------

FOUR = "\n".join(f"echo '{n}, GPU-{n}{n}{n}{n}{n}, NVIDIA A100-SXM4-40GB, 40960, 40000, 570.86.15'" for n in range(4))


def test_nvidia_smi_tells_what_is_here(environ: dict[str, str]) -> None:
    nvidia_smi(environ, FOUR)
    found = inventory(environ)
    assert found.driver == "570.86.15"
    assert str(found.gpus[1]) == "GPU 1 (NVIDIA A100-SXM4-40GB, 40 GiB)"
    assert (found.gpus[1].id, found.gpus[1].free) == ("GPU-11111", 40000 << 20)


def test_a_gpu_without_memory_of_its_own_has_the_machines(environ: dict[str, str]) -> None:
    nvidia_smi(environ, "echo '0, GPU-0, NVIDIA GB10, [N/A], [N/A], 580.1'")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) << 10
    assert inventory(environ).gpus[0].memory == pytest.approx(memory, rel=0.01)


@pytest.mark.parametrize(
    ("variables", "indices"),
    [
        ({}, "0 1 2 3"),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, "0 1 2 3"),
        ({"NVIDIA_VISIBLE_DEVICES": "none"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": ""}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "2,3"}, "2 3"),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-11111"}, "1"),
        # CDI writes it into containers that have GPUs; so may Kubernetes with a folder.
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, "0 1 2 3"),
        ({"NVIDIA_VISIBLE_DEVICES": "/var/run/nvidia-container-devices"}, "0 1 2 3"),
        # In a container the devices 4 to 7 of a host are counted from 0.
        ({"NVIDIA_VISIBLE_DEVICES": "4,5,6,7"}, "0 1 2 3"),
        ({"CUDA_VISIBLE_DEVICES": "3,1"}, "3 1"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-222"}, "2"),
        ({"CUDA_VISIBLE_DEVICES": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ""),
        ({"CUDA_VISIBLE_DEVICES": "1,9,2"}, "1"),
        ({"NVIDIA_VISIBLE_DEVICES": "0,1", "CUDA_VISIBLE_DEVICES": "1,2"}, "1"),
    ],
    ids=str,
)
def test_variables_restrict_what_a_runner_may_use(
    environ: dict[str, str], variables: dict[str, str], indices: str
) -> None:
    nvidia_smi(environ, FOUR)
    found = inventory({**environ, **variables})
    assert [gpu.index for gpu in found.gpus] == indices.split()
    assert found.hidden == 4 - len(found.gpus)


@pytest.mark.parametrize(
    ("value", "ids"), [("2,3", "2 3"), ("GPU-a", "GPU-a"), ("all", ""), ("none", ""), ("void", ""), ("", "")]
)
def test_without_nvidia_smi_the_container_runtime_is_believed(environ: dict[str, str], value: str, ids: str) -> None:
    found = inventory({**environ, "NVIDIA_VISIBLE_DEVICES": value})
    assert [gpu.id for gpu in found.gpus] == ids.split()
    assert [gpu.index for gpu in found.gpus] == [str(n) for n in range(len(ids.split()))]


def test_a_driver_that_fails_says_why(environ: dict[str, str]) -> None:
    nvidia_smi(environ, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    found = inventory({**environ, "NVIDIA_VISIBLE_DEVICES": "0"})
    assert found == Inventory(problem="Failed to initialize NVML: Driver/library version mismatch")


def test_a_card_without_a_driver_is_noticed(environ: dict[str, str], tmp_path: Path) -> None:
    assert inventory(environ, pci=tmp_path) == Inventory()
    device = tmp_path / "0000:01:00.0"
    device.mkdir()
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030200\n")
    assert inventory(environ, pci=tmp_path).problem == "an NVIDIA card is here, but no driver for it is installed"


def test_a_card_of_amds_is_said_to_be_of_no_use(environ: dict[str, str], tmp_path: Path) -> None:
    device = tmp_path / "0000:03:00.0"
    device.mkdir()
    (device / "vendor").write_text("0x1002\n")
    (device / "class").write_text("0x120000\n")
    found = inventory(environ, pci=tmp_path)
    assert found == Inventory(amd=True)
    assert choose(run(gpus="auto"), found).count == 0
    with pytest.raises(MachineError, match="there is only one of AMD's, which gpu-doc can't give to runs"):
        choose(run(gpus=1), found)


# --- what an engine has ----------------------------------------------------------------------------------------------

NOTHING = {"gpus": [], "hidden": 0, "driver": "", "problem": ""}


def sought(
    offer: Offer, *, remote: bool = True, asked: bool = False, probe: Callable[[], dict[str, Any]] | None = None
) -> Inventory:
    return search(offer, {"PATH": "/none"}, remote=remote, asked=asked, probe=probe or (lambda: facts(H100)))


def unasked() -> dict[str, Any]:
    raise AssertionError("no container is started to look for them")


def test_an_engine_is_looked_into_where_it_offers_gpus_or_is_asked_for_them() -> None:
    assert sought(Offer(nvidia=True)).gpus == (H100,)
    assert sought(Offer(cdi=True)).gpus == (H100,)
    assert sought(Offer(), asked=True).gpus == (H100,), "a hook on another machine shows only when it is called"
    assert sought(Offer(), probe=unasked) == Inventory()
    assert sought(Offer(cdi=True, names=frozenset()), probe=unasked) == Inventory()
    assert sought(Offer(amd=True), probe=unasked).amd


def test_an_engine_where_a_look_finds_nothing_has_none() -> None:
    for found in ({}, NOTHING):
        assert sought(Offer(nvidia=True), asked=True, probe=lambda found=found: found) == Inventory()  # type: ignore[misc]  # bound in the loop


def test_why_an_engine_gives_none_is_told_to_who_asks() -> None:
    def refuse() -> dict[str, Any]:
        raise failures.refusal('could not select device driver "nvidia" with capabilities: [[gpu]]')

    found = sought(Offer(), asked=True, probe=refuse)
    assert choose(run(gpus="auto"), found).count == 0
    with pytest.raises(MachineError, match=r"none is to be had \(the engine can't give GPUs to containers\)") as raised:
        choose(run(gpus=1), found)
    assert "NVIDIA Container Toolkit" in raised.value.remedy
    assert "could not select device driver" in raised.value.details


# --- which of them a run gets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "count", "indices"),
    [
        ({"gpus": "auto"}, 1, "0 1 2"),
        ({"gpus": "none"}, 0, ""),
        ({"gpus": "all"}, 3, "0 1 2"),
        ({"gpus": 2}, 2, "0 1 2"),
        ({"gpus": (2, "GPU-t4-0")}, 2, "2 0"),
        ({"gpus": ("GPU-h",)}, 1, "2"),
        ({"requires": requires(count=2)}, 2, "0 1 2"),
        ({"requires": requires(model="h100")}, 1, "2"),
        ({"requires": requires(model="t4"), "gpus": "all"}, 2, "0 1"),
        # A T4 is sold with 16 GB, an H100 with 80.
        ({"requires": requires(memory=16 * GIB)}, 1, "0 1 2"),
        ({"requires": requires(memory=80 * GIB)}, 1, "2"),
    ],
    ids=str,
)
def test_a_choice(settings: dict[str, Any], count: int, indices: str) -> None:
    choice = choose(run(**settings), MIXED)
    assert (choice.count, [gpu.index for gpu in choice.gpus]) == (count, indices.split())


def test_auto_is_the_processor_where_there_is_no_gpu() -> None:
    assert choose(run(gpus="auto"), Inventory()).count == 0


def test_what_nobody_can_see_may_fit() -> None:
    assert choose(run(requires=requires(memory=80 * GIB)), Inventory(gpus=(UNSEEN,))).count == 1


LACKING = [
    (run(gpus=1), Inventory(), "1 GPU wanted: there is none"),
    (run(gpus="all"), Inventory(), "1 GPU wanted: there is none"),
    (run(gpus=(0, 1)), Inventory(), "2 GPUs wanted: there is none"),
    (run(requires=requires()), Inventory(), "1 GPU wanted: there is none"),
    (
        run(requires=requires()),
        Inventory(problem="Driver Not Loaded"),
        "1 GPU wanted: the NVIDIA driver gives none (Driver Not Loaded)",
    ),
    (
        run(requires=requires()),
        Inventory(hidden=4),
        "1 GPU wanted: there is none; NVIDIA_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES keeps 4 GPUs from this process",
    ),
    (
        run(gpus=3),
        Inventory(gpus=tuple(T4)),
        "3 GPUs wanted: there is only GPU 0 (Tesla T4, 15 GiB), GPU 1 (Tesla T4, 15 GiB)",
    ),
    (
        run(requires=requires(memory=40 * GIB, count=2)),
        MIXED,
        f"2 GPUs with 40 GiB wanted: 1 with so much memory among {T4[0]}, {T4[1]}, {H100}",
    ),
    (
        run(requires=requires(model="A100")),
        Inventory(gpus=(H100,)),
        "1 GPU of the model A100 wanted: none of the model among GPU 2 (NVIDIA H100 80GB HBM3, 79.6 GiB)",
    ),
    (run(gpus=(7,)), MIXED, "there is no GPU `7` here"),
    (
        run(gpus="none", requires=requires()),
        MIXED,
        "`requires` asks for 1 GPU, and `gpus` gives the run none",
    ),
    (run(gpus=1, requires=requires(count=2)), MIXED, "`requires` asks for 2 GPUs, and `gpus` gives the run 1"),
]


@pytest.mark.parametrize(("wanting", "found", "sentence"), LACKING, ids=[sentence for _, _, sentence in LACKING])
def test_each_lack_has_its_sentence(tmp_path: Path, wanting: Run, found: Inventory, sentence: str) -> None:
    error = Devices(found, Leases(tmp_path)).impossible(wanting)
    assert error
    assert (error.what, error.where, error.exit_code) == (sentence, "a.ipynb", Exit.MACHINE_LACKS)
    assert error.remedy


def test_what_is_possible_has_no_sentence(tmp_path: Path) -> None:
    assert Devices(MIXED, Leases(tmp_path)).impossible(run(gpus=3)) is None


def test_a_run_that_waits_says_for_what(tmp_path: Path) -> None:
    devices = Devices(Inventory(gpus=tuple(T4)), Leases(tmp_path))
    assert devices.waiting(run(gpus=2)) == (
        "waits for 2 GPUs: other runs hold GPU 0 (Tesla T4, 15 GiB), GPU 1 (Tesla T4, 15 GiB)"
    )


def test_as_many_jobs_as_cores_or_gpus() -> None:
    assert (default_jobs(4, 8), default_jobs(16, 8), default_jobs(0, 0)) == (8, 16, 1)


# --- before the first cell -------------------------------------------------------------------------------------------


def test_nothing_is_checked_for_a_run_on_the_processor() -> None:
    assert check(run(gpus="none"), (), facts()) is None


def test_what_was_leased_must_be_seen() -> None:
    assert check(run(), ("GPU-h100",), facts(H100)) is None
    error = check(run(), ("GPU-h100",), facts())
    assert error
    assert error.what == "1 GPU wanted: there is none (looked for where the run happens)"
    assert error.exit_code == Exit.MACHINE_LACKS


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        (requires(count=1, memory=70 * GIB, model="H100"), True),
        (requires(memory=100 * GIB), False),
        (requires(model="A100"), False),
        (requires(count=2), False),
    ],
)
def test_a_requirement_is_checked_against_what_is_seen(requirement: GpuRequirement, fits: bool) -> None:  # noqa: FBT001 - a table's column
    assert (check(run(requires=requirement), ("GPU-h100",), facts(H100)) is None) == fits


def test_the_engines_word_is_not_enough_for_a_requirement() -> None:
    assert check(run(gpus=1), ("3",), facts(UNSEEN)) is None
    error = check(run(requires=requires()), ("3",), facts(UNSEEN))
    assert error
    assert "no NVIDIA driver" in error.what
    assert "NVIDIA_DRIVER_CAPABILITIES" in error.remedy


def test_another_gpu_than_the_leased_one_is_noticed() -> None:
    error = check(run(), ("GPU-h100",), facts(T4[0]))
    assert error
    assert "was given another GPU than it leased: GPU-t4-0, not GPU-h100" in error.what
    assert check(run(), ("0",), facts(T4[0])) is None, "by its number none can be told from another"


def test_the_drivers_own_words_are_told() -> None:
    error = check(run(), ("GPU-h100",), facts(problem="Driver/library version mismatch"))
    assert error
    assert "Driver/library version mismatch" in error.what


def test_a_gpu_that_others_use_is_worth_a_word() -> None:
    used = Gpu(id="GPU-x", index="0", name="NVIDIA A100", memory=40 * GIB, free=4 * GIB)
    assert busy(facts(used, H100)).endswith("GPU 0 (NVIDIA A100, 40 GiB) has 4 GiB free")
    assert busy(facts(H100, UNSEEN)) == ""


# --- how it gets them ------------------------------------------------------------------------------------------------


def test_a_local_run_sees_only_its_own() -> None:
    outer = {"CUDA_VISIBLE_DEVICES": "0,1,2", "A": "b"}
    assert local_environment(run(), Lease([T4[1], H100]), outer) == {
        "A": "b",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "1,2",
    }
    assert local_environment(run(gpus="none"), Lease(), outer)["CUDA_VISIBLE_DEVICES"] == ""
    assert local_environment(run(), Lease(), {"A": "b"}) == {"A": "b"}


def test_a_part_of_a_gpu_has_no_number() -> None:
    part = Gpu(id="MIG-1", index="0:1", name="NVIDIA A100 MIG 3g.20gb", memory=20 * GIB, free=20 * GIB)
    assert cuda_variables([part])["CUDA_VISIBLE_DEVICES"] == "MIG-1"
