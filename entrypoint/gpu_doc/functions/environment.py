"""`environment()`: a table of what a run's results come from: its image, device, packages and data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gpu_doc.functions.shared import checks
from gpu_doc.functions.shared.function import RUN, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader
from gpu_doc.model.answers import Answer
from gpu_doc.model.configuration import Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.text import markdown

_ON_GPUS = re.compile(r"cupy.*|jax(lib)?|onnxruntime-gpu|paddlepaddle.*|tensorflow.*|torch|triton|vllm")
"""Packages that compute on a GPU where there is one."""


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    return call.answered(environment(results.result(call.run)))


def environment(result: Result) -> str:
    """A Markdown table of what a run was made with, as far as its record tells; no time and no commit is in it."""
    run = result.run
    machine = result.record.get("machine") or {}
    probe = machine.get("probe") or {}
    rows = [
        ("Notebook", f"`{run.notebook}`") if run.notebook else ("Command", _code(" ".join(run.command or ()))),
        ("Parameters", ", ".join(f"{markdown.escape(key)} = {_parameter(v)}" for key, v in run.parameters.items())),
        ("Image", _image(run, machine)),
        ("Device", markdown.escape(_device(run, machine, probe))),
        ("Driver", markdown.escape(str(probe.get("driver") or ""))),
        ("CUDA", markdown.escape(str(probe.get("cuda") or ""))),
        ("cuDNN", markdown.escape(str(probe.get("cudnn") or ""))),
        ("System", markdown.escape(", ".join(_system(machine, probe)))),
        ("Packages", markdown.escape(", ".join(f"{name} {version}" for name, version in _packages(machine, probe)))),
        ("Data", _data(run, machine)),
        ("Setup", markdown.escape(run.setup or "")),
    ]
    return markdown.table(["Run", _code(run.address)], [row for row in rows if row[1]])


def _code(text: str) -> str:
    """A text as code inside a table."""
    text = markdown.one_line(text).replace("|", "\\|")
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"


def _parameter(value: Json) -> str:
    return _code(value if isinstance(value, str) else repr(value))


def _image(run: Run, machine: Mapping[str, Json]) -> str:
    if not run.image:
        return "`local`"
    digest = str(machine.get("image-digest") or "").rpartition("sha256:")[2][:12]
    return f"{_code(run.image)}, digest {_code(digest)}" if digest else _code(run.image)


def _device(run: Run, machine: Mapping[str, Json], probe: Mapping[str, Json]) -> str:
    """What it ran on: the GPUs by name, else plainly the CPU."""
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
    """The distribution too where it is the image's, which is the same everywhere."""
    yield from filter(None, [str(machine.get("system") or probe.get("system") or "")])
    if machine.get("image") and probe.get("distribution"):
        yield str(probe["distribution"])


def _packages(machine: Mapping[str, Json], probe: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Python, and the packages that the run imports or, where the image's digest stands for these, the frameworks."""
    imported = {name: version for name, version in (machine.get("packages") or {}).items() if version}
    python = imported.pop("python", None) or probe.get("python")
    if python:
        yield "Python", str(python)
    yield from sorted((imported or probe.get("packages") or {}).items())


def _data(run: Run, machine: Mapping[str, Json]) -> str:
    """Each source of data with its version, or the head of its hash; of an absolute path only the name."""
    known = machine.get("data") or {}
    parts = []
    for source in run.data:
        shown = PurePosixPath(source.path).name if source.path.startswith(("/", "~")) else source.path
        digest = known.get(source.path)
        version = f"version {source.version}" if source.version else f"SHA-256 {str(digest)[:12]}" if digest else ""
        parts.append(f"{_code(shown)}{' (' + markdown.escape(version) + ')' if version else ''}")
    return ", ".join(parts)


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
)
