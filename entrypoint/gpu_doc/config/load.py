"""Reads gpu-doc.yml: merges defaults, report and run, and reports all problems at once."""

from __future__ import annotations

import os
from pathlib import Path

from gpu_doc.config.assemble import Absent, Assembly, OtherAssembly
from gpu_doc.config.schema import ROOT
from gpu_doc.config.shapes import Values
from gpu_doc.config.yaml12 import MarkedProblem, Problems, parse
from gpu_doc.errors import ConfigError
from gpu_doc.model.configuration import Config, Run
from gpu_doc.model.location import Location, Problem

PLACES = ("gpu-doc.yml", ".github/gpu-doc.yml")

_BINDING = frozenset({"time", "cell-time", "output"})
"""The limits that bind a local run."""


def _not_asked(_root: Path, _path: str) -> str:
    return ""


def find(start: Path) -> Path | None:
    """Find the configuration in `start` or above it, up to the repository's root; without git, only in `start`."""
    start = start.absolute()
    above = [start, *start.parents]
    top = next((index for index, folder in enumerate(above) if (folder / ".git").exists()), 0)
    candidates = (folder / place for folder in above[: top + 1] for place in PLACES)
    return next((path for path in candidates if path.is_file()), None)


def at(folder: Path) -> Path | None:
    """The configuration directly in a folder; a broken link counts too."""
    return next((folder / place for place in PLACES if os.path.lexists(folder / place)), None)


def above(start: Path) -> Path | None:
    """The nearest configuration above `start`, even if commands there would not use it."""
    candidates = (folder / place for folder in start.absolute().parents for place in PLACES)
    return next((path for path in candidates if path.is_file()), None)


def root_of(path: Path) -> Path:
    """The folder that paths in a configuration are relative to."""
    return path.parent.parent if path.parent.name == ".github" else path.parent


def load(path: Path, absent: Absent = _not_asked) -> Config:
    """Read, merge and check the configuration. `absent` explains a missing file.

    Raises ConfigError with all of its problems.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links, and root would be another folder
    name = path.relative_to(root_of(path)).as_posix()
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        what, remedy = f"cannot read {name}: {reason}", "`gpu-doc init` writes one."
        raise ConfigError(what, where=Location(name), remedy=remedy) from error
    return _assembled(content, Assembly(path, root_of(path), [], absent))


def load_other(content: bytes, path: Path) -> tuple[Config, Run]:
    """Read the configuration of another commit, at `path` there; the files that it names need not exist here.

    Also returns the settings of a run that has none of its own. Raises ConfigError as `load` does.
    """
    assembly = OtherAssembly(path, root_of(path), [], _not_asked)
    return _assembled(content, assembly), assembly.defaults


def _assembled(content: bytes, assembly: Assembly) -> Config:
    name, problems = assembly.path.relative_to(assembly.root).as_posix(), assembly.problems
    text = _text(content, problems)
    tree = None if problems else parse(text, problems)
    if tree is None and not problems:
        what = "the file is empty; in an empty folder, `gpu-doc init` writes one to start from"
        problems.append(MarkedProblem(1, 1, what))
    values = ROOT.read(tree, name, problems) if tree else None
    config = assembly.config(values) if isinstance(values, Values) else None
    if problems or config is None:
        raise _refusal(name, problems)
    return config


def _text(content: bytes, problems: Problems) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before) - before.rfind(b"\n")
        problems.append(MarkedProblem(before.count(b"\n") + 1, column, "not text in UTF-8"))
        return ""


def _refusal(name: str, problems: Problems) -> ConfigError:
    ordered = sorted(dict.fromkeys(problems))
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return ConfigError(
        f"{count} in {name}",
        where=Location(name, ordered[0].line if len(ordered) == 1 else 0),
        remedy="Correct what is listed above; docs/reference.md lists every key.",
        problems=[Problem(Location(name, line, column), _printable(text)) for line, column, text in ordered],
    )


def _printable(text: str) -> str:
    """Put a problem on one line, whatever characters its names have."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def unbound_limits(config: Config) -> str | None:
    """Return one sentence with the configured limits that don't apply to local runs; None without any."""
    local = [run for report in config.reports for run in report.runs if not run.image]
    written = {key for run in local for key in run.limits.written} - _BINDING
    if not written:
        return None
    names = ", ".join(f"`{key}`" for key in sorted(written))
    verb = "binds" if len(written) == 1 else "bind"
    return f"limits: {names} {verb} containers only, not these local runs"
