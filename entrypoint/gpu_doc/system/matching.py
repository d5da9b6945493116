"""Finds the lines that a regular expression matches, within a time limit.

A regular expression from a template may take for ever ("catastrophic backtracking"), and Python's `re` cannot be
interrupted; a child process can be killed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from gpu_doc.errors import ReportError

SECONDS = 10.0
_PROGRAM = """
import json, re, sys
pattern, lines = json.load(sys.stdin)
search = re.compile(pattern).search
json.dump([index for index, line in enumerate(lines) if search(line)], sys.stdout)
"""
_NOTHING_REPEATS = re.compile(r"[^*+?{|(]*")


def matching(pattern: str, lines: Sequence[str], *, seconds: float = SECONDS) -> list[int]:
    """Return the indices of the lines in which a pattern is found. Raises ReportError after `seconds`."""
    if _NOTHING_REPEATS.fullmatch(pattern):  # then it cannot take long
        search = re.compile(pattern).search
        return [index for index, line in enumerate(lines) if search(line)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=json.dumps([pattern, list(lines)]),
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
            env={"PYTHONUTF8": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise ReportError(
            f'match="{pattern}" took more than {seconds:g} s',
            remedy="Nested repetitions such as (a+)+ take exponential time: write it without.",
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise ReportError(f'match="{pattern}" cannot be used: {last}') from error
    found: list[int] = json.loads(done.stdout)
    return found
