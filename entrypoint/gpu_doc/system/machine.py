"""Asks other programs what this machine has: git."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gpu_doc.errors import MachineError
from gpu_doc.system import process


def git_repository(folder: Path) -> Literal["whole", "shallow"] | None:
    """The kind of clone that a folder is in; None if it is in none, or if git refuses it as another user's."""
    answer = output_of("git", "-C", str(folder), "rev-parse", "--is-shallow-repository")
    return None if answer is None else "shallow" if answer == "true" else "whole"


def output_of(*argv: str) -> str | None:
    """What a program prints; None if it is not installed, fails, or takes more than 30 seconds."""
    try:
        return process.output(list(argv), limit=30).strip()
    except (OSError, MachineError):
        return None
