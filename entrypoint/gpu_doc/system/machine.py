"""The door to what a machine has: fonts, git; asked through the programs that know."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gpu_doc.errors import MachineError
from gpu_doc.system import process


def has_fontconfig() -> bool:
    """Whether fonts can be asked for at all."""
    return said("fc-list", "--version") is not None


def has_font(language: str) -> bool:
    """Whether some font covers a language, by fontconfig's tag: `zh-cn`, `ja`, `ko`; `und-zsye` is emoji."""
    return bool(said("fc-list", f":lang={language}", "family"))


def git_repository(folder: Path) -> Literal["whole", "shallow"] | None:
    """The kind of clone that a folder lies in; None outside of one, and where git takes it for somebody else's."""
    answer = said("git", "-C", str(folder), "rev-parse", "--is-shallow-repository")
    return None if answer is None else "shallow" if answer == "true" else "whole"


def said(*argv: str) -> str | None:
    """What a program prints; None where it is not there, fails, or takes more than 30 seconds."""
    try:
        return process.output(list(argv), limit=30).strip()
    except (OSError, MachineError):
        return None
