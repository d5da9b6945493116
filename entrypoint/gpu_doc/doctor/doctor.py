"""Finds out what this machine has and lacks, each finding with a remedy. It tries things; it assumes nothing."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from gpu_doc import functions
from gpu_doc.doctor import engines
from gpu_doc.doctor.finding import Finding, failure, free_space, missing, ok, warning
from gpu_doc.errors import MachineError
from gpu_doc.execution.agent.kernel_names import is_any_python
from gpu_doc.execution.gpus.inventory import inventory
from gpu_doc.execution.runs import devices
from gpu_doc.git.checkout import work_tree
from gpu_doc.model.configuration import Config, Run
from gpu_doc.record.state import default_folder
from gpu_doc.system import machine, python_environment
from gpu_doc.system.temporary import private_folder

ROOMY = 2 << 30
"""Warn below so many free bytes for the state folder: an executed notebook with its pictures takes megabytes."""

WIDTH = 100
"""Columns at which the table wraps long findings."""

_ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX", "pythonLocation")  # the last one is set by actions/setup-python


def examine(config: Config | None, environ: Mapping[str, str], cwd: Path) -> list[Finding]:
    """Check everything that runs and pictures need. Without a configuration, nothing is needed."""
    runs = [run for report in config.reports for run in report.runs] if config else []
    local = [run for run in runs if not run.image]
    root = config.root if config else cwd
    return [
        *_kernels(local, environ),
        _chromium(environ, needed=config is not None and _takes_pictures(config)),
        _fonts(environ),
        *_gpu(local, environ),
        *_containers(config, environ),
        *_disk(default_folder(root, environ)),
        _git(root),
        _token(environ, publishes=config is not None and config.publish.mode in ("pull-request", "commit", "auto")),
    ]


def text(findings: list[Finding]) -> str:
    """Return a table: state, component, what was found; each remedy below its finding."""
    column = max((len(finding.component) for finding in findings), default=0)
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.state:<7}  {finding.component:<{column}}  "
        indent = " " * len(head)
        lines += textwrap.wrap(
            finding.says,
            WIDTH,
            initial_indent=head,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
        if finding.remedy:
            lines.append(f"{indent}→ {finding.remedy}")  # one line, even if long, so that it can be copied
    return "\n".join(lines)


# --- kernel ----------------------------------------------------------------------------------------------------------


def _kernels(runs: list[Run], environ: Mapping[str, str]) -> list[Finding]:
    named = sorted({run.kernel for run in runs if run.kernel and not is_any_python(run.kernel)})
    installed: dict[str, str] = {}
    if named:
        from jupyter_client.kernelspec import KernelSpecManager

        installed = KernelSpecManager().find_kernel_specs()
    return [_default_kernel(environ), *(_named_kernel(name, installed) for name in named)]


def _default_kernel(environ: Mapping[str, str]) -> Finding:
    active = python_environment.active_environment(environ)
    version = (active.package_version("ipykernel") or ("", ""))[1]
    if not version:
        return missing(
            "kernel", f"{active.executable} has no ipykernel", f"{active.executable} -m pip install ipykernel"
        )
    says = f"Python {active.version} with ipykernel {version} at {active.executable}"
    passed_over = _passed_over(active, environ)
    if passed_over is None:
        return ok("kernel", says)
    return warning(
        "kernel",
        f"{says}, since the active environment {passed_over} has no ipykernel",
        f"{passed_over}/bin/python -m pip install ipykernel",
    )


def _passed_over(chosen: python_environment.PythonEnvironment, environ: Mapping[str, str]) -> str | None:
    """The folder of an active environment that was not chosen."""
    prefix = next((environ[name] for name in _ACTIVE if environ.get(name)), None)
    if prefix is None or chosen.executable != python_environment.own_environment().executable:
        return None
    return None if Path(prefix).resolve() == Path(sys.prefix).resolve() else prefix


def _named_kernel(name: str, installed: Mapping[str, str]) -> Finding:
    if name in installed:
        return ok("kernel", f"{name}: {installed[name]}")
    return missing(
        "kernel",
        f"the configuration names the kernel {name}; installed are {', '.join(sorted(installed)) or 'none'}",
        f"Install {name}, or name an installed one in `kernel:`.",
    )


# --- pictures --------------------------------------------------------------------------------------------------------


def _takes_pictures(config: Config) -> bool:
    """Whether a template, or a report refreshed in place, calls a function that needs the browser."""
    names = "|".join(function.name for function in functions.in_order() if function.takes_pictures)
    asking = re.compile(rf"\b({names})\s*\(")
    for report in config.reports:
        source = config.root / (report.template or report.path)
        if source.is_file() and asking.search(source.read_text("utf-8", "replace")):
            return True
    return False


def _chromium(environ: Mapping[str, str], *, needed: bool) -> Finding:
    from gpu_doc.pictures.chromium import ChromiumProcess, find_chromium, sandbox_closed

    try:
        program = find_chromium(environ.get("GPU_DOC_CHROMIUM"), environ)
        with ChromiumProcess(program, environ, scale=1) as browser:
            browser.address(30)
    except MachineError as error:
        says = " ".join([error.what, *error.details.splitlines()[-1:]])
        state: Literal["missing", "warning"] = "missing" if needed else "warning"
        return Finding(component="Chromium", state=state, says=says, remedy=error.remedy)
    version = re.search(r"\d+(\.\d+)+", machine.output_of(str(program), "--version") or "")
    says = f"{version[0] if version else 'of an unknown version'} at {program} starts"
    if sandbox_closed():
        # Chromium's sandbox is built on user namespaces, and it refuses to run as root with it.
        why = "we are root" if os.geteuid() == 0 else "user namespaces are closed on this machine"
        says += f"; with --no-sandbox, since {why}"
    return ok("Chromium", says)


def _fonts(environ: Mapping[str, str]) -> Finding:
    from gpu_doc.pictures import fonts

    try:
        fonts.folders(environ)
    except MachineError as error:
        return missing("fonts", error.what, error.remedy)
    if fonts.has_cjk():
        return ok("fonts", "those of pictures are installed, Chinese, Japanese and Korean too")
    return warning(
        "fonts", "pictures with Chinese, Japanese or Korean text are refused: no font for them", fonts.CJK_REMEDY
    )


# --- GPU and containers ----------------------------------------------------------------------------------------------


def _gpu(runs: list[Run], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check this machine's GPUs, and whether local runs get the GPUs that they request."""
    found = inventory(environ)
    lacking = False
    for run in runs:
        try:
            devices.choose(run, found)
        except MachineError as error:
            lacking = True
            yield failure("GPU", error, subject=f"{run.report}: {run.address}")
    if lacking:
        return
    if found.problem:
        yield warning("GPU", found.problem, "`nvidia-smi` must show every GPU: install its driver, or load it.")
    elif found.gpus:
        yield ok("GPU", f"{', '.join(map(str, found.gpus))}, driver {found.driver or 'unknown'}")
    else:
        here = "only GPUs of AMD's here, which gpu-doc can't give to runs" if found.amd else "none here"
        yield ok("GPU", f"{here}; no local run asks for one")


def _containers(config: Config | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    with private_folder(room=len("/e0/engine.sock")) as runtime:
        if config and any(run.image for report in config.reports for run in report.runs):
            checkout = work_tree(config.root) or config.root
            yield from engines.examine(config, checkout, environ, runtime)
        else:
            yield engines.not_needed(environ, runtime)


# --- disk, git, token ------------------------------------------------------------------------------------------------


def _disk(state: Path) -> list[Finding]:
    place = next(folder for folder in (state, *state.parents) if folder.is_dir())
    return [
        free_space(
            "disk", place, ROOMY, "Free some; deleting the state folder is always safe: the next run is longer."
        ),
        free_space("disk", Path("/dev/shm"), 64 << 20, "In a container: `--shm-size 1g`."),  # noqa: S108 - only looked at
    ]


def _git(root: Path) -> Finding:
    version = machine.output_of("git", "--version")
    if version is None:
        return warning("git", "not installed: evidence will name no commit", "sudo apt-get install git")
    kind = machine.git_repository(root)
    if kind is None:
        return warning(
            "git",
            f"{version}, but {root} is in no repository that it can read: evidence will name no commit",
            f"git init, or where the folder has another owner: git config --global --add safe.directory {root}",
        )
    return ok("git", f"{version}, in {'a shallow clone' if kind == 'shallow' else 'a repository'}")


def _token(environ: Mapping[str, str], *, publishes: bool) -> Finding:
    found = next((name for name in ("GITHUB_TOKEN", "GH_TOKEN") if environ.get(name)), None)
    if found:
        return ok("token", f"{found} is set; what it may do was not tried")
    if publishes and environ.get("GITHUB_ACTIONS") == "true":
        return warning(
            "token",
            "neither GITHUB_TOKEN nor GH_TOKEN is set: nothing can be published",
            "In the workflow: `env: {GITHUB_TOKEN: ${{ github.token }}}`.",
        )
    return ok("token", "none is set, and nothing here needs one")
