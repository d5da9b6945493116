"""Chooses the GPUs for a run, or explains why it can't have those that it requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.gpus import requests
from gpu_doc.execution.gpus.inventory import Gpu, Inventory, gibibytes, inventory, of_facts
from gpu_doc.execution.gpus.leases import Lease, Leases
from gpu_doc.execution.gpus.offer import Offer
from gpu_doc.execution.runs.failure import place
from gpu_doc.model.configuration import GpuRequirement, Run
from gpu_doc.model.values import Json

_NOMINAL = 0.9
"""The share of its nominal memory that a GPU must show: error correction takes some (an A10 with 24 GB shows 22.2)."""

_HELD = 0.2
"""The share of a GPU's memory that others may hold before we note it."""

_NOTHING = GpuRequirement(count=0)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Any `count` of these GPUs."""

    gpus: tuple[Gpu, ...] = ()
    count: int = 0


class Devices:
    """The GPUs of the host that runs are executed on: this one, or a remote engine's."""

    def __init__(self, inventory: Inventory, leases: Leases) -> None:
        self._inventory = inventory
        self._leases = leases

    @property
    def count(self) -> int:
        """How many GPUs there are."""
        return len(self._inventory.gpus)

    def impossible(self, run: Run) -> MachineError | None:
        """Return why this host can never give a run its GPUs. Call it before anything runs."""
        try:
            choose(run, self._inventory)
        except MachineError as error:
            return error
        return None

    def try_take(self, run: Run) -> Lease | None:
        """Lease the run's GPUs (none for a run on the CPU); None while others hold too many of them.

        Raises MachineError if it can never have them, or nothing can be leased here.
        """
        choice = choose(run, self._inventory)
        return self._leases.try_lease(choice.gpus, choice.count)

    def waiting(self, run: Run) -> str:
        """Return a sentence about what a run waits for."""
        choice = choose(run, self._inventory)
        return f"waits for {_gpus(choice.count)}: other runs hold {_listed(choice.gpus)}"


def asks(run: Run) -> bool:
    """Whether a run requests a GPU. With `auto`, it only uses one if there is one."""
    return bool(run.requires) or run.gpus not in ("auto", "none")


def search(
    offer: Offer, environ: Mapping[str, str], *, remote: bool, asked: bool, probe: Callable[[], Mapping[str, Json]]
) -> Inventory:
    """Find the GPUs that an engine's containers may get. `probe` returns the facts from a container with all GPUs.

    `asked`: some run requests one. A remote engine may have NVIDIA's hook without saying so.
    """
    found = Inventory() if remote else inventory(environ)
    found = replace(found, amd=found.amd or offer.amd)
    if found.gpus or not (offer.any or (remote and asked)):
        return found
    # The engine may have GPUs that this process can't see: on another machine, or if we are in a container.
    try:
        seen = of_facts(probe())
    except GpuDocError as error:
        return replace(found, refusal=error)
    return replace(seen, amd=found.amd, problem=seen.problem or found.problem)


def default_jobs(cores: int, gpus: int) -> int:
    """The default number of runs at a time."""
    return max(1, cores, gpus)


def choose(run: Run, inventory: Inventory) -> Choice:
    """Return the suitable GPUs for a run, and how many it needs. Raises MachineError if there are too few."""
    required = run.requires or _NOTHING
    if run.gpus == "none" or (run.gpus == "auto" and not run.requires and not inventory.gpus):
        _agree(run, 0)
        return Choice()
    named = _named(run, inventory)
    wanted = max(1, required.count)
    if isinstance(run.gpus, int | tuple):
        wanted = run.gpus if isinstance(run.gpus, int) else len(set(run.gpus))
        _agree(run, wanted)
    fitting = tuple(gpu for gpu in named if _may_fit(gpu, required))
    if len(fitting) < wanted:
        details = inventory.refusal.details if inventory.refusal else ""
        raise _error(run, _shortage(wanted, required, inventory), _remedy(inventory), details)
    return Choice(gpus=fitting, count=len(fitting) if run.gpus == "all" else wanted)


def _agree(run: Run, given: int) -> None:
    """Raise MachineError if `requires` asks for more than `gpus` gives."""
    if run.requires and run.requires.count > given:
        what = f"`requires` asks for {_gpus(run.requires.count)}, and `gpus` gives the run {given or 'none'}"
        raise _error(run, what, "Make the two agree in gpu-doc.yml.")


def _named(run: Run, inventory: Inventory) -> tuple[Gpu, ...]:
    """The GPUs that a run may have. Raises MachineError if it names one that is not here."""
    if not isinstance(run.gpus, tuple) or not inventory.gpus:
        return inventory.gpus
    found: list[Gpu] = []
    for name in map(str, run.gpus):
        gpu = _find(name, inventory.gpus)
        if gpu is None:
            here = ", ".join(f"{gpu.index} or {gpu.id}" for gpu in inventory.gpus)
            raise _error(run, f"there is no GPU `{name}` here", f"`gpus` may name: {here}.")
        found.append(gpu)
    return tuple(dict.fromkeys(found))


def _find(name: str, gpus: Sequence[Gpu]) -> Gpu | None:
    """Find a GPU by its id or the beginning of it, as CUDA does, or else by its number."""
    begins = [gpu for gpu in gpus if gpu.id == name or (name.startswith(("GPU-", "MIG-")) and gpu.id.startswith(name))]
    return next((gpu for gpu in [*begins, *gpus] if gpu in begins or gpu.index == name), None)


# --- in the run's environment, before the first cell -----------------------------------------------------------------


def check(run: Run, devices: Sequence[str], facts: Mapping[str, Json]) -> MachineError | None:
    """Return why a run must not begin: the probe in its container, or in the local kernel's Python, found too few GPUs.

    `devices` are the leased ones. So a run never silently uses the CPU instead.
    """
    required = run.requires or _NOTHING
    count = max(required.count, len(devices))
    found = of_facts(facts)
    if run.requires and found.gpus and not any(gpu.name for gpu in found.gpus):
        return _error(
            run,
            f"the run was given {_gpus(len(found.gpus))}, but no NVIDIA driver is to be seen there",
            "The image's NVIDIA_DRIVER_CAPABILITIES must have `compute` and `utility`, or not be set.",
        )
    if len([gpu for gpu in found.gpus if _may_fit(gpu, required)]) < count:
        return _error(run, f"{_shortage(count, required, found)} (looked for where the run happens)", _remedy(found))
    seen = {gpu.id for gpu in found.gpus}
    strange = [id_ for id_ in devices if id_.startswith(("GPU-", "MIG-")) and id_ not in seen]
    if strange and all(gpu.name for gpu in found.gpus):
        what = f"the run was given another GPU than it leased: {', '.join(seen)}, not {', '.join(strange)}"
        remedy = "The engine counts them in another way: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        return _error(run, what, f"{remedy}, where it runs, makes names that are the same everywhere.")
    return None


def busy(facts: Mapping[str, Json]) -> str:
    """Return a sentence if other programs use much memory of a run's GPUs when it begins; else empty."""
    held = [gpu for gpu in of_facts(facts).gpus if gpu.memory - gpu.free > _HELD * gpu.memory]
    free = ", ".join(f"{gpu} has {gibibytes(gpu.free)} free" for gpu in held)
    return f"other programs use the GPU, nvidia-smi shows which: {free}" if held else ""


def local_environment(run: Run, lease: Lease, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the variables that show a local run its leased GPUs and no others."""
    told = requests.cuda_variables(lease.gpus) if lease.gpus or run.gpus == "none" else {}
    return {**environ, **told}


# --- requirements, and words -----------------------------------------------------------------------------------------


def _may_fit(gpu: Gpu, required: GpuRequirement) -> bool:
    """Whether a GPU may fit. If only NVIDIA_VISIBLE_DEVICES names it, the probe inside finds out."""
    return not gpu.name or (_is_model(gpu, required) and _has_memory(gpu, required))


def _is_model(gpu: Gpu, required: GpuRequirement) -> bool:
    return (required.model or "").lower() in gpu.name.lower()


def _has_memory(gpu: Gpu, required: GpuRequirement) -> bool:
    return gpu.memory >= _NOMINAL * (required.memory or 0)


def _shortage(count: int, required: GpuRequirement, found: Inventory) -> str:
    """Return one sentence about what is missing."""
    model = f" of the model {required.model}" if required.model else ""
    memory = f" with {gibibytes(required.memory)}" if required.memory else ""
    return f"{_gpus(count)}{model}{memory} wanted: {_found(count, required, found)}"


def _found(count: int, required: GpuRequirement, found: Inventory) -> str:
    gpus = found.gpus
    if not gpus and found.problem:
        return f"the NVIDIA driver gives none ({found.problem})"
    if not gpus and found.refusal:
        return f"none is to be had ({found.refusal.what})"
    if not gpus and found.amd:
        return "there is only one of AMD's, which gpu-doc can't give to runs"
    if len(gpus) < count:
        hidden = "NVIDIA_VISIBLE_DEVICES or CUDA_VISIBLE_DEVICES"
        more = f"; {hidden} keeps {_gpus(found.hidden)} from this process" if found.hidden else ""
        return f"there is {f'only {_listed(gpus)}' if gpus else 'none'}{more}"
    right = [gpu for gpu in gpus if _is_model(gpu, required)]
    if len(right) < count:
        return f"{len(right) or 'none'} of the model among {_listed(gpus)}"
    large = [gpu for gpu in right if _has_memory(gpu, required)]
    return f"{len(large) or 'none'} with so much memory among {_listed(right)}"


def _remedy(found: Inventory) -> str:
    if not found.gpus and found.refusal and not found.problem:
        return found.refusal.remedy
    if not found.gpus and found.problem:
        return "Install the NVIDIA driver, or load it (after an update: restart); `nvidia-smi` must show the GPU."
    return "Run it on a machine that has them, or ask for less: `gpus` and `requires` in gpu-doc.yml."


def _error(run: Run, what: str, remedy: str, details: str = "") -> MachineError:
    return MachineError(what, where=place(run), remedy=remedy, details=details)


def _gpus(count: int) -> str:
    return f"{count} GPU{'s' * (count != 1)}"


def _listed(gpus: Sequence[Gpu]) -> str:
    return ", ".join(map(str, gpus))
