"""`gpu-doc clean`: removes what a killed gpu-doc left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpu_doc.errors import GpuDocError, MachineError
from gpu_doc.execution.containers import address, sweep
from gpu_doc.execution.containers.engine import connect
from gpu_doc.execution.containers.sweep import Owner
from gpu_doc.model.configuration import Config
from gpu_doc.record import checkout
from gpu_doc.record.state import State
from gpu_doc.system.temporary import private_folder, sweep_abandoned


def clean(config: Config | None, environ: Mapping[str, str], state: State | None, *, everything: bool) -> Iterator[str]:
    """Clean every engine that commands here would use, then this machine. Yields a sentence for each thing done.

    `everything`: also remove detached commands. A failure is reported, and cleaning goes on.
    """
    who = sweep.owner()
    done = False
    runs = [run for report in config.reports for run in report.runs] if config else []
    for host in dict.fromkeys([None, *(run.docker_host for run in runs)]):
        for sentence in _engine(host, environ, who, everything=everything):
            done = True
            yield sentence
    for sentence in (*_files(state), *_reports(config)):
        done = True
        yield sentence
    if not done:
        yield "nothing to remove"


def _engine(host: str | None, environ: Mapping[str, str], who: Owner, *, everything: bool) -> Iterator[str]:
    try:
        name = address.find(host, environ).host
        with private_folder(room=len("/engine.sock")) as runtime, connect(host, environ, runtime) as engine:
            swept = sweep.sweep(engine, who=who, everything=everything)
            waiting = sweep.waiting(engine, who)
    except GpuDocError as error:
        yield f"no containers were looked for: {error.what}"
        return
    except OSError as error:
        raise MachineError("no temporary folder can be written", remedy=f"Make room there ({error}).") from error
    counts = [(len(swept.containers), "container"), (len(swept.volumes), "volume")]
    removed = [f"{number} {what}{'s' * (number != 1)}" for number, what in counts if number]
    if removed:
        yield f"removed {' and '.join(removed)} ({name})"
    yield from (f"could not remove {sentence}" for sentence in swept.left)
    for run, until in waiting:
        limit = "" if until == "never" else f" until {until}"
        yield f"left the detached command {run}, which may go on{limit}; `gpu-doc clean --all` takes it ({name})"


def _reports(config: Config | None) -> Iterator[str]:
    for report in config.reports if config else ():
        changed = checkout.recover(report.path, config.root) if config else None
        if changed is not None:
            yield f"cleared up after an interrupted refresh of {report.path}"


def _files(state: State | None) -> Iterator[str]:
    yield from (f"removed the temporary folder {folder}" for folder in sweep_abandoned())
    if state is None:
        return
    scratch = state.sweep()
    if scratch is None:
        yield f"left {state.folder / 'scratch'}, which a refresh uses"
    else:
        yield from (f"removed {path}" for path in scratch)
