"""Finds what programs can use here: GPUs, their driver, CUDA, versions of frameworks, Python.

Frameworks are not imported, which would take seconds: the names of folders contain their versions. As a program it
prints one line of JSON. Sizes are in bytes; what is not known is an empty text or 0.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gpu_doc.execution.agent import facts

Facts = Dict[str, Any]

_FRAMEWORKS = re.compile(
    r"accelerate|cupy(-cuda\w+)?|datasets|diffusers|flax|ipykernel|jax|jaxlib|keras|lightgbm|lightning|matplotlib|numba"
    r"|numpy|onnxruntime(-gpu)?|paddlepaddle(-gpu)?|pandas|polars|pytorch-lightning|scikit-learn|scipy|tensorflow"
    r"|torch|torchaudio|torchvision|transformers|triton|vllm|xgboost"
)
_METADATA = re.compile(r"(?P<name>.+?)-(?P<version>\d[^-]*)(-py\d.*)?\.(dist-info|egg-info)")
_COLUMNS = ("index", "uuid", "name", "memory.total", "memory.free", "driver_version")


def probe(environ: Mapping[str, str] | None = None) -> facts.Facts:
    """Return what is here, as JSON; `environ` is by default the process's own."""
    environ = os.environ if environ is None else environ
    versions = _versions(sys.path)
    found = {
        **graphics(environ),
        "cuda": _torch_cuda(sys.path) or _version(versions, "nvidia-cuda-runtime") or environ.get("CUDA_VERSION", ""),
        "cudnn": _version(versions, "nvidia-cudnn")
        or environ.get("CUDNN_VERSION", "")
        or environ.get("NV_CUDNN_VERSION", ""),
        "packages": {name: version for name, version in sorted(versions.items()) if _FRAMEWORKS.fullmatch(name)},
        "python": ".".join(map(str, sys.version_info[:3])),
        "system": f"{os.uname().sysname} {os.uname().machine}",
        "distribution": _distribution(),
    }
    return cast("facts.Facts", found)


# --- GPUs ------------------------------------------------------------------------------------------------------------


def graphics(environ: Mapping[str, str]) -> Facts:
    """Return the `gpus` that programs here may use, how many are `hidden` from them, the driver, and its problem."""
    try:
        found = _ask_library()
    except (ImportError, OSError):
        found = _ask_program(environ) or _facts(gpus=_listed(environ))
    visible = _visible(found["gpus"], environ)
    return {**found, "gpus": visible, "hidden": len(found["gpus"]) - len(visible)}


def _facts(**known: Any) -> Facts:
    return {"gpus": [], "driver": "", "cuda-driver": "", "problem": "", **known}


class _NvmlError(Exception):
    """The driver's library refuses; the message is its own."""


class _Nvml:
    """The driver's own library, documented at https://docs.nvidia.com/deploy/nvml-api/ ."""

    def __init__(self) -> None:
        """Raises ImportError or OSError if it can't be loaded."""
        import ctypes  # a Python that was built without libffi lacks it

        self._types = ctypes
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._library.nvmlErrorString.restype = ctypes.c_char_p

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function of the library. Raises _NvmlError if it refuses."""
        status = getattr(self._library, function)(*arguments)
        if status:
            raise _NvmlError(self._library.nvmlErrorString(status).decode())

    def close(self) -> None:
        """Release the devices, whether or not the library was initialised."""
        self._library.nvmlShutdown()

    def number(self, function: str, *arguments: Any) -> int:
        value = self._types.c_uint()
        self.call(function, *arguments, self._types.byref(value))
        return value.value

    def text(self, function: str, *arguments: Any) -> str:
        value = self._types.create_string_buffer(96)
        self.call(function, *arguments, value, len(value))
        return value.value.decode("utf-8", "replace")

    def handle(self, function: str, *arguments: Any) -> Any:
        value = self._types.c_void_p()
        self.call(function, *arguments, self._types.byref(value))
        return value

    def is_split(self, device: Any) -> bool:
        """Return whether only the parts of a GPU can be used (MIG)."""
        current, pending = self._types.c_uint(), self._types.c_uint()
        try:
            self.call("nvmlDeviceGetMigMode", device, self._types.byref(current), self._types.byref(pending))
        except (_NvmlError, AttributeError):  # this GPU, or an old library, has no MIG
            return False
        return bool(current.value)

    def memory(self, device: Any) -> tuple[int, int]:
        """Return the bytes of memory in total, and those that are free."""
        sizes = (self._types.c_ulonglong * 3)()  # total, free, used
        try:
            self.call("nvmlDeviceGetMemoryInfo", device, self._types.byref(sizes))
        except _NvmlError:  # it shares the host's memory
            return _host_memory(), _host_memory()
        return sizes[0], sizes[1]


def _ask_library() -> Facts:
    nvml = _Nvml()
    found = _facts()
    try:
        nvml.call("nvmlInit_v2")
        found["driver"] = nvml.text("nvmlSystemGetDriverVersion")
        cuda = nvml.number("nvmlSystemGetCudaDriverVersion_v2")
        found["cuda-driver"] = f"{cuda // 1000}.{cuda % 1000 // 10}"
        for number in range(nvml.number("nvmlDeviceGetCount_v2")):
            try:
                found["gpus"] += _devices(nvml, number)
            except _NvmlError as error:
                found["problem"] = f"GPU {number}: {error}"
    except _NvmlError as error:
        found["problem"] = f"{error}"
    finally:
        nvml.close()
    return found


def _devices(nvml: _Nvml, number: int) -> Iterator[Facts]:
    """Yield the GPU of this number, or the parts that it is split into."""
    whole = nvml.handle("nvmlDeviceGetHandleByIndex_v2", number)
    if not nvml.is_split(whole):
        yield _device(nvml, whole, f"{number}")
        return
    for part in range(nvml.number("nvmlDeviceGetMaxMigDeviceCount", whole)):
        try:
            handle = nvml.handle("nvmlDeviceGetMigDeviceHandleByIndex", whole, part)
        except _NvmlError:  # no part has this number
            continue
        yield _device(nvml, handle, f"{number}:{part}")


def _device(nvml: _Nvml, handle: Any, index: str) -> Facts:
    memory, free = nvml.memory(handle)
    id_, name = nvml.text("nvmlDeviceGetUUID", handle), nvml.text("nvmlDeviceGetName", handle)
    return {"id": id_, "index": index, "name": name, "memory": memory, "free": free}


def _ask_program(environ: Mapping[str, str]) -> Facts | None:
    """Ask nvidia-smi, if the library can't be loaded; return None if that is missing too."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_COLUMNS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return _facts(problem="nvidia-smi gave no answer in 30 seconds")
    except OSError:
        return None
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode:
        return _facts(problem=lines[0] if lines else f"nvidia-smi ended with status {done.returncode}")
    rows = [row for row in ([cell.strip() for cell in line.split(",")] for line in lines) if len(row) == len(_COLUMNS)]
    gpus = [
        {"id": row[1], "index": row[0], "name": row[2], "memory": _mebibytes(row[3]), "free": _mebibytes(row[4])}
        for row in rows
    ]
    return _facts(gpus=gpus, driver=rows[0][5] if rows else "")


def _mebibytes(text: str) -> int:
    return int(text) << 20 if text.isdigit() else _host_memory()  # "[N/A]": it shares the host's memory


def _host_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _listed(environ: Mapping[str, str]) -> list[Facts]:
    """Return the devices that a container runtime says it gave us, if nothing else can be asked about them."""
    value = environ.get("NVIDIA_VISIBLE_DEVICES", "")
    ids = [] if value in ("", "all", "none", "void") or value.startswith("/") else value.split(",")
    # CUDA numbers those that it sees, whatever their numbers are outside.
    return [{"id": id_.strip(), "index": f"{n}", "name": "", "memory": 0, "free": 0} for n, id_ in enumerate(ids)]


def _visible(gpus: Sequence[Facts], environ: Mapping[str, str]) -> list[Facts]:
    """Return the GPUs that the variables of the container runtime and of CUDA allow."""
    # https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
    # CDI sets `void` in containers that have GPUs, and Kubernetes' plugin may write a folder: both mean nothing.
    given = environ.get("NVIDIA_VISIBLE_DEVICES", "all")
    names = [] if given in ("", "none") else given.split(",")
    # A container numbers its devices anew: if it sees as many as are named, the variable was already applied.
    applied = given in ("all", "void") or given.startswith("/") or len(names) == len(gpus)
    left = list(gpus) if applied else [gpu for gpu in gpus if any(_is(gpu, name) for name in names)]
    # https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
    chosen = environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return left
    ordered: list[Facts] = []
    for name in chosen.split(","):
        match = next((gpu for gpu in left if _is(gpu, name)), None)
        if match is None:  # CUDA uses those before the first that it doesn't know
            break
        ordered.append(match)
    return ordered


def _is(gpu: Facts, name: str) -> bool:
    name = name.strip()
    return name in (gpu["index"], gpu["id"]) or (len(name) > 4 and gpu["id"].startswith(name))


# --- versions --------------------------------------------------------------------------------------------------------


def _versions(search_path: Sequence[str]) -> dict[str, str]:
    """Return the version of each distribution; the first on the path counts, as for `import`."""
    found: dict[str, str] = {}
    for place in search_path:
        try:
            names = os.listdir(place or ".")  # noqa: PTH208 - importlib.metadata takes fifty times as long
        except OSError:
            continue
        for match in filter(None, map(_METADATA.fullmatch, names)):
            found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return found


def _version(versions: Mapping[str, str], name: str) -> str:
    """Return the version of one of NVIDIA's packages; its name may end with CUDA's version: nvidia-cudnn-cu12."""
    return next((version for each, version in versions.items() if re.fullmatch(rf"{name}(-cu\d+)?", each)), "")


def _torch_cuda(search_path: Sequence[str]) -> str:
    """Return the CUDA version that PyTorch was built with, from its version.py; empty for a CPU build."""
    for place in search_path:
        file = Path(place, "torch", "version.py")
        if file.is_file():
            match = re.search(r"^cuda\b.*=\s*['\"]([\d.]+)['\"]", file.read_text("utf-8", "replace"), re.MULTILINE)
            return match[1] if match else ""
    return ""


def _distribution() -> str:
    # https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    try:
        lines = Path("/etc/os-release").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")), "")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(["Probe", {"facts": probe()}]) + "\n")  # as messages.py reads it; not imported here
