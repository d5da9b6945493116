"""The command line: reads argv and the environment, builds the doors, ends the process. Nothing below does that."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO, cast

from gpu_doc import __version__, config, pipeline, summary
from gpu_doc.console import Console
from gpu_doc.errors import ConfigError, Exit, GpuDocError, MachineError, UsageError, worst
from gpu_doc.model import Config
from gpu_doc.outside import git
from gpu_doc.outside.environment import active_environment, has_gpu
from gpu_doc.pipeline import Doors
from gpu_doc.stages.fingerprint import Surroundings
from gpu_doc.stages.state import State, default_folder

DESCRIPTION = """\
Makes technical documents live and checkable: runs the notebooks and scripts behind a Markdown report, photographs
chosen output cells, writes numbers and pictures into the report, and keeps evidence of where each came from.
"""

EPILOG = """\
examples:
  gpu-doc init                      write a working gpu-doc.yml with an example, then: gpu-doc run
  gpu-doc plan                      what would run, and why; changes nothing
  gpu-doc run                       refresh every report that is not fresh
  gpu-doc run docs/finetune.md      refresh one report
  gpu-doc check                     exit 1 if a report is stale or was edited by hand (for CI and pre-commit)
  gpu-doc doctor                    what this machine has and lacks, with a remedy for each

exit codes:
  0 done   1 a finding (stale or edited, under check)   2 configuration or usage   3 some run failed
  4 writing failed   5 the machine lacks something   70 a defect of gpu-doc   130 interrupted

The configuration is gpu-doc.yml or .github/gpu-doc.yml, looked for here and upwards to the repository's root.
"""

RUN_EPILOG = """\
examples:
  gpu-doc run                             every report that is not fresh
  gpu-doc run docs/finetune.md --force    one report, its runs executed again even if fresh
  gpu-doc run --jobs 1                    one run at a time, for runs that need all of the machine

What fails leaves its own report as it was; the other reports are refreshed.
"""

PLAN_EPILOG = """\
examples:
  gpu-doc plan            a table: fresh, or stale and why
  gpu-doc plan --json     the same for programs; standard output is only the JSON

Exit code 0 even when something is stale; `gpu-doc check` is the one that fails.
"""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with the contract's exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    out, err = _Reader(sys.stdout), _Reader(sys.stderr)
    # argparse prints its help there; and what Python flushes at its end must not fail once more.
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    console = _console(sys.stdout, sys.stderr)
    try:
        code = _dispatch(_parser().parse_args(argv), console)
    except GpuDocError as error:
        console.error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        console.warn("interrupted; reports that were not finished stay as they were")
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours becomes a report, not a bare traceback
        console.defect(error, [*sys.argv[1:]])
        code = Exit.DEFECT
    if out.failure:
        console.error(MachineError(f"standard output cannot be written: {out.failure.strerror}"))
        code = worst([code, Exit.MACHINE_LACKS])
    sys.exit(int(code))


class _Reader(io.TextIOBase):
    """Who reads what we print. That it has gone away, as `| head` does, changes nothing about our work and its end."""

    def __init__(self, stream: TextIO | None) -> None:
        """`stream` is None where the caller has closed it."""
        self._stream = stream
        self.failure: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in the stub, a property in the class itself
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        if self._stream is None:
            return len(text)
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._stream = None
        except OSError as error:
            self._stream, self.failure = None, error
        return len(text)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _console(out: TextIO, err: TextIO) -> Console:
    interactive = err.isatty() and os.environ.get("TERM") != "dumb"
    colour = interactive and "NO_COLOR" not in os.environ
    ci = os.environ.get("GITHUB_ACTIONS") == "true"
    return Console(out, err, interactive=interactive, colour=colour, ci=ci)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="gpu-doc", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"gpu-doc {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)

    commands.add_parser("init", help="write a working gpu-doc.yml with an example; never overwrites")

    plan = commands.add_parser("plan", help="what would run, and why", epilog=PLAN_EPILOG, formatter_class=raw)
    plan.add_argument("reports", nargs="*", metavar="REPORT", help="only these reports, by their path")
    plan.add_argument("--json", action="store_true", help="print JSON on standard output")
    _common(plan)

    run = commands.add_parser("run", help="the main job: refresh reports", epilog=RUN_EPILOG, formatter_class=raw)
    run.add_argument("reports", nargs="*", metavar="REPORT", help="only these reports, by their path")
    run.add_argument("--force", action="store_true", help="execute runs again though they are fresh")
    run.add_argument("--jobs", type=_positive, metavar="N", help="runs at a time (default: number of cores)")
    run.add_argument("--executor", choices=("auto", "local", "docker"), default="auto", help="where kernels live")
    run.add_argument("--pull", choices=("missing", "always", "never"), help="when images are pulled; no effect locally")
    modes = ("config", "pull-request", "commit", "auto", "check", "none")
    run.add_argument("--publish", choices=modes, default="none", help="none (default): write files, touch no git")
    _common(run)

    check = commands.add_parser("check", help="exit 1 if a report is stale or was edited by hand; runs nothing")
    check.add_argument("reports", nargs="*", metavar="REPORT", help="only these reports, by their path")
    _common(check)

    commands.add_parser("doctor", help="what this machine has and lacks, each finding with its remedy")
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration, instead of looking for it")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="where state lies (default: .gpu-doc)")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from 1 on")
    return number


def _dispatch(args: argparse.Namespace, console: Console) -> Exit:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder has been deleted", remedy="Change to one that exists.") from error
    commands = {"init": _init, "plan": _plan, "run": _run, "check": _check, "doctor": _doctor}
    return commands[args.command](args, console)


# --- commands --------------------------------------------------------------------------------------------------------


def _init(_args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.stages.init import init

    done = init(Path.cwd())
    for path in done.written:
        console.say(f"wrote {path}")
    for path in done.kept:
        console.say(f"kept  {path} (it was there already)")
    console.say("Next: `gpu-doc run` refreshes the report, `gpu-doc plan` says what would run and why.")
    return Exit.DONE


def _plan(args: argparse.Namespace, console: Console) -> Exit:
    whole = _config(args)
    chosen = pipeline.select(whole, args.reports, here=Path.cwd())
    plan = pipeline.plan(chosen, _doors(args, whole, console))
    if args.json:
        console.say(json.dumps(plan.to_json(), indent=2, ensure_ascii=False))
    else:
        summary.plan(plan, console)
    return Exit.DONE


def _run(args: argparse.Namespace, console: Console) -> Exit:
    whole = _config(args)
    chosen = pipeline.select(whole, args.reports, here=Path.cwd())
    config.not_yet(chosen, args.executor, None if args.publish == "none" else args.publish)
    if sentence := config.unbound_limits(chosen):
        console.note(sentence)
    doors = _doors(args, whole, console)
    jobs = args.jobs or len(os.sched_getaffinity(0))
    outcome = pipeline.refresh(chosen, doors, force=args.force, jobs=jobs)
    summary.outcome(outcome, chosen, console, here=Path.cwd())
    return outcome.exit_code


def _check(args: argparse.Namespace, console: Console) -> Exit:
    whole = _config(args)
    chosen = pipeline.select(whole, args.reports, here=Path.cwd())
    doors = _doors(args, whole, console)
    plan = pipeline.plan(chosen, doors)
    edited = [report for report in plan.reports if report.edits]
    lines = pipeline.edited_lines(chosen, doors, edited) if edited else {}
    summary.check(plan, lines, console)
    return Exit.DONE if plan.fresh else Exit.FINDING


def _doctor(_args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.stages import doctor

    path = config.find(Path.cwd())
    chosen: Config | None = None
    if path:
        try:
            chosen = config.load(path)
        except ConfigError as error:
            console.error(error)
    findings = doctor.examine(chosen, os.environ, Path.cwd())
    console.say(doctor.text(findings))
    return Exit.MACHINE_LACKS if any(finding.state == "missing" for finding in findings) else Exit.DONE


# --- doors -----------------------------------------------------------------------------------------------------------


def _config(args: argparse.Namespace) -> Config:
    path = args.config or config.find(Path.cwd())
    if path is None:
        raise ConfigError(
            "no gpu-doc.yml here or above",
            where=str(Path.cwd()),
            remedy="`gpu-doc init` writes one that works, with an example notebook and template.",
        )
    return config.load(path.absolute())


def _doors(args: argparse.Namespace, whole: Config, console: Console) -> Doors:
    def chromium() -> Path:
        from gpu_doc.outside.browser import find_chromium

        return find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)

    folder = args.state_dir.absolute() if args.state_dir else default_folder(whole.root, os.environ)
    surroundings = Surroundings(
        environment=active_environment(os.environ),
        gpu=has_gpu(),
        tracked=lambda path: git.tracked_files(whole.root, path),
    )
    return Doors(
        console=console,
        state=State(folder),
        environ=os.environ,
        surroundings=surroundings,
        chromium=chromium,
        # Of the whole configuration: a report that was refreshed before this one makes no checkout dirty.
        commit=lambda: git.clean_commit(whole.root, own_files=pipeline.own_files(whole)),
    )
