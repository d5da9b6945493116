"""Lines for the log about a run that has ended: its last output, and its peaks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gpu_doc.errors import NotebookFileError
from gpu_doc.execution.agent.pseudo_terminal import COLUMNS
from gpu_doc.execution.runs.job import Job
from gpu_doc.model.results import Result

LAST_LINES = 20
"""The most lines of a run's output to show."""


def lines(job: Job) -> list[str]:
    """Return the lines about a run that has ended, successfully or not."""
    log = job.folder / "terminal.log"
    printed = [line for line in (screen(log) if job.run.command else _streams(job.folder)) if line.strip()]
    last = printed[-LAST_LINES:]
    left_out = f", of {len(printed)} lines" if len(printed) > len(last) else ""
    return [
        *([f"printed last{left_out}:"] if last else []),
        # The gutter, as for tracebacks, shows that the text is not ours.
        *(f"  | {line}" for line in last),
        *filter(None, [_peaks(job)]),
    ]


def screen(log: Path) -> list[str]:
    """Return what the terminal showed at the end of a log."""
    from gpu_doc.text.terminal import plain_text, read_screen

    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 50_000))
        return plain_text(read_screen(file.read(), columns=COLUMNS))
    return []


def _streams(folder: Path) -> list[str]:
    """Return what the cells of an executed notebook printed."""
    from gpu_doc.notebooks.cells import executed_cells, joined

    with suppress(NotebookFileError):
        outputs = (output for cell in executed_cells(folder / "executed.ipynb") for output in cell.outputs)
        texts = (joined(output.get("text", "")) for output in outputs if output.get("output_type") == "stream")
        return [line for text in texts for line in text.splitlines()]
    return []


def _peaks(job: Job) -> str:
    from gpu_doc.record import consumption

    taken = consumption.read(Result(run=job.run, fingerprint=job.fingerprint, folder=job.folder, record={}))
    return consumption.summary(taken) if taken else ""
