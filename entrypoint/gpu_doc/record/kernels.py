"""Whether two names of kernels start the same Python here: then the name alone is no other kernel."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from gpu_doc.execution.agent.kernel_names import INTERPRETERS, is_any_python
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json

_LAUNCH = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


def with_same_kernel(run: Run, before: str, now: str, python: Path) -> Run:
    """Return a local run with its earlier kernel, if that and the present one both are the run's own Python."""
    same = before != now and run.image is None and all(is_own_python(name, python) for name in (before, now))
    return replace(run, kernel=before) if same else run


def is_own_python(name: str, python: Path) -> bool:
    """Return whether the kernel with this name is this Python, started as Jupyter starts it, with nothing added."""
    if is_any_python(name):
        return True
    spec = _installed(name, python)
    argv = spec.get("argv") or []
    if not isinstance(argv, list) or [arg for arg in argv[1:] if arg != "-Xfrozen_modules=off"] != _LAUNCH:
        return False
    if spec.get("env") or (spec.get("metadata") or {}).get("kernel_provisioner"):
        return False
    return argv[0] in INTERPRETERS or _places(argv[0]) == _places(str(python))


def _installed(name: str, python: Path) -> Json:
    """Return the kernelspec with this name; empty if there is none."""
    from jupyter_core.paths import jupyter_path  # only another name pays for it

    folders = [*jupyter_path("kernels"), str(python.parent.parent / "share/jupyter/kernels")]
    if not name or "/" in name or "\0" in name:
        return {}
    for folder in folders:
        try:
            spec = json.loads(Path(folder, name, "kernel.json").read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return {}
        return spec if isinstance(spec, dict) else {}
    return {}


def _places(executable: str) -> tuple[str, str]:
    """Return the environment of an interpreter, and the interpreter itself: environments link to the same one."""
    return os.path.realpath(Path(executable).parent), os.path.realpath(executable)
