"""`environment()`: a table of the image, device, packages and data that a run's results depend on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gpu_doc.functions.shared import checks
from gpu_doc.functions.shared.function import RUN, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.functions.shared.tables import Entry, Table, table
from gpu_doc.model.answers import Answer
from gpu_doc.model.configuration import Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.text.markdown import Written, code, joined, plain

_ON_GPUS = re.compile(r"cupy.*|jax(lib)?|onnxruntime-gpu|paddlepaddle.*|tensorflow.*|torch|triton|vllm")
"""Packages that compute on a GPU if there is one."""


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    told = environment(results.result(call.run))
    return call.answered(told.markdown, cells=told.cells)


def environment(result: Result) -> Table:
    """Return the table from a run's record; it contains no time and no commit."""
    run = result.run
    machine = result.record.get("machine") or {}
    probe = machine.get("probe") or {}
    rows = [
        ("Run", code(run.address)),
        ("Notebook", code(run.notebook)) if run.notebook else ("Command", code(" ".join(run.command or ()))),
        ("Parameters", joined(plain(key) + " = " + _parameter(value) for key, value in run.parameters.items())),
        ("Image", _image(run, machine)),
        ("Device", plain(_device(run, machine, probe))),
        ("Driver", plain(str(probe.get("driver") or ""))),
        ("CUDA", plain(str(probe.get("cuda") or ""))),
        ("cuDNN", plain(str(probe.get("cudnn") or ""))),
        ("System", plain(", ".join(_system(machine, probe)))),
        ("Packages", plain(", ".join(f"{name} {version}" for name, version in _packages(machine, probe)))),
        ("Data", _data(run, machine)),
        ("Setup", plain(run.setup or "")),
    ]
    return table([[Entry(plain(label)), Entry(told)] for label, told in rows if told.markdown])


def _parameter(value: Json) -> Written:
    return code(value if isinstance(value, str) else repr(value))


def _image(run: Run, machine: Mapping[str, Json]) -> Written:
    if not run.image:
        return code("local")
    digest = str(machine.get("image-digest") or "").rpartition("sha256:")[2][:12]
    return code(run.image) + ", digest " + code(digest) if digest else code(run.image)


def _device(run: Run, machine: Mapping[str, Json], probe: Mapping[str, Json]) -> str:
    """Return the GPUs by name, or the CPU."""
    device = str(machine.get("device") or "")
    if device == "cpu":
        packages = {name for name, _ in _packages(machine, probe)}
        able = run.gpus not in ("auto", "none") or run.requires or any(map(_ON_GPUS.fullmatch, packages))
        return "CPU (there was no GPU)" if able and run.gpus != "none" else "CPU"
    gpus = Counter((str(gpu.get("name") or "GPU"), gpu.get("memory") or 0) for gpu in probe.get("gpus") or ())
    return ", ".join(_gpu(*gpu, count) for gpu, count in gpus.items()) or device.upper()


def _gpu(name: str, memory: int, count: int) -> str:
    many = f"{count} × " if count > 1 else ""  # noqa: RUF001 - the sign of multiplication is meant
    return f"{many}{name}{f' ({memory / (1 << 30):.0f} GiB)' if memory else ''}"


def _system(machine: Mapping[str, Json], probe: Mapping[str, Json]) -> Iterator[str]:
    """Yield the system; also the distribution if it is the image's, which is the same everywhere."""
    yield from filter(None, [str(machine.get("system") or probe.get("system") or "")])
    if machine.get("image") and probe.get("distribution"):
        yield str(probe["distribution"])


def _packages(machine: Mapping[str, Json], probe: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield Python and the packages that the run imports; if an image's digest covers these, the frameworks."""
    imported = {name: version for name, version in (machine.get("packages") or {}).items() if version}
    python = imported.pop("python", None) or probe.get("python")
    if python:
        yield "Python", str(python)
    yield from sorted((imported or probe.get("packages") or {}).items())


def _data(run: Run, machine: Mapping[str, Json]) -> Written:
    """Return each data source with its version or the beginning of its hash; of an absolute path only the name."""
    known = machine.get("data") or {}
    parts = []
    for source in run.data:
        shown = PurePosixPath(source.path).name if source.path.startswith(("/", "~")) else source.path
        digest = known.get(source.path)
        version = f"version {source.version}" if source.version else f"SHA-256 {str(digest)[:12]}" if digest else ""
        parts.append(code(shown) + " (" + plain(version) + ")" if version else code(shown))
    return joined(parts)


FUNCTION = Function(
    name="environment",
    text="a table: notebook, parameters, image and digest, GPU, driver, CUDA, package versions, data",
    first=RUN,
    gives=("table",),
    check=checks.whole_run,
    answer=_answer,
    label="environment",
    tells_results=False,
    stays="same-fingerprint",
    shows_settings="runs",
    names_notebook=True,
)
