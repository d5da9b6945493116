"""The command line: reads argv and the environment, and ends the process. Nothing below does that."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from gpu_doc import config, interrupts, redaction
from gpu_doc.cli import commands
from gpu_doc.cli.arguments import parse
from gpu_doc.cli.call import Call, listens
from gpu_doc.console.console import Console
from gpu_doc.console.streams import Guarded, Reader
from gpu_doc.errors import Exit, GpuDocError, MachineError, UsageError, refused_by_the_system, worst
from gpu_doc.git import asking
from gpu_doc.git import checkout as git

if TYPE_CHECKING:
    from gpu_doc.console.console import Locate
    from gpu_doc.console.workflow_commands import FileLines
    from gpu_doc.model.location import Location


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with the contract's exit code."""
    gc.disable()  # most calls find nothing to do and end at once; garbage collection took 6 % of their time
    out, err = Reader(sys.stdout), Reader(sys.stderr)
    call: Call | None = None
    console = _console(
        cast("TextIO", out), cast("TextIO", err), lambda location: _lines_of(location, call) if call else None
    )
    # argparse prints its help there; and Python's final flush must not fail again.
    others = (Guarded(out), Guarded(err)) if console.on_runner else (out, err)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", others)
    try:
        call = _call(sys.argv[1:] if argv is None else argv, console)
        code = commands.ALL[call.args.command](call) if call else Exit.DONE
    except GpuDocError as error:
        console.error(error)
        _leave_failure(error)
        code = error.exit_code
    except KeyboardInterrupt:
        console.warn("interrupted; reports that were not finished stay as they were")
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours becomes a report, not a bare traceback
        code = _last_resort(error, console)
    interrupts.ignore()  # from here on, no interrupt may change the exit code
    if out.failure:
        console.error(MachineError(f"standard output cannot be written: {out.failure.strerror}"))
        code = worst([code, Exit.MACHINE_LACKS])
    console.finish()
    sys.exit(int(code))


def _last_resort(error: Exception, console: Console) -> Exit:
    """Report an unexpected error: an OSError is the machine's problem, anything else a defect of ours."""
    told = refused_by_the_system(error)
    if told is None:
        console.defect(error, [*sys.argv[1:]])
        return Exit.DEFECT
    console.error(told)
    _leave_failure(told)
    return told.exit_code


def _leave_failure(error: GpuDocError) -> None:
    if listens(os.environ):
        from gpu_doc.action.runner import leave_failure

        leave_failure(error, os.environ)


def _console(out: TextIO, err: TextIO, locate: Locate) -> Console:
    interactive = err.isatty() and os.environ.get("TERM") != "dumb"
    colour = interactive and "NO_COLOR" not in os.environ
    ci = os.environ.get("GITHUB_ACTIONS") == "true"
    return Console(
        out,
        err,
        interactive=interactive,
        colour=colour,
        ci=ci,
        locate=locate,
        documents=_documents(),
        redactor=redaction.known(None, os.environ),
    )


def _documents() -> str:
    """Return the web address of docs/ if a runner fetched us as an action, else an empty text."""
    action = re.search(r"/_actions/([^/]+/[^/]+)/", os.environ.get("GITHUB_ACTION_PATH", "") + "/")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return f"{server}/{action[1]}/blob/HEAD/docs" if action else ""


def _call(words: Sequence[str], console: Console) -> Call | None:
    """Return what the command line asks for; None if it is a step of an action that is done already."""
    if words[:1] == ["action"]:
        from gpu_doc.cli.steps import take  # only actions call it

        words = take(words[1:], os.environ, console)
        if not words:
            return None
    args = parse(words)
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder has been deleted", remedy="Change to one that exists.") from error
    if os.environ.get("GITHUB_ACTIONS") == "true":
        asking.trust()
    return Call(args, console, os.environ, here)


def _lines_of(location: Location, call: Call) -> FileLines | None:
    """Return an error's lines in the repository, for GitHub's annotations."""
    from gpu_doc.action.placement import place  # only what went wrong needs it

    path = getattr(call.args, "config", None) or config.find(call.here)
    root = config.root_of(call.here / path) if path else call.here
    top = git.work_tree(root) or Path(os.environ.get("GITHUB_WORKSPACE") or root)
    return place(location, bases=(root, call.here), top=top)
