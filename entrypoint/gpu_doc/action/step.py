"""Writes a step's outputs and job summary into the files that GitHub's runner names in variables.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

LONGEST_SUMMARY = 1 << 20
"""Bytes of a step's summary; GitHub shows nothing of a longer one."""

_CUT = "\n\n*The rest is left out: a job summary ends at 1 MiB. The log has all of it.*\n"


def set_outputs(values: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Set outputs of this step; values may have any content. Does nothing without a runner.

    Raises OSError if the runner's file can't be written.
    """
    _append(environ.get("GITHUB_OUTPUT"), "".join(_record(name, value) for name, value in values.items()))


def add_summary(text: str, environ: Mapping[str, str]) -> None:
    """Add Markdown to the job summary, cut to GitHub's limit. Does nothing without a runner.

    Raises OSError if the runner's file can't be written.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    taken = Path(path).stat().st_size if path and Path(path).exists() else 0
    _append(path, shortened(text, LONGEST_SUMMARY - taken))


def shortened(text: str, most: int) -> str:
    """Cut a text to at most so many bytes of UTF-8, at the end of a line, with a sentence that says so."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= most:
        return text
    room = most - len(_CUT.encode())
    if room < 0:
        return ""
    kept = whole[:room].decode("utf-8", "ignore")
    return kept[: kept.rfind("\n") + 1].rstrip("\n") + _CUT


def _record(name: str, value: str) -> str:
    # A random delimiter: no value can contain it and so begin another output.
    delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _append(path: str | None, text: str) -> None:
    if path and text:
        with Path(path).open("a", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
