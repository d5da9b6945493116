"""The command line: reads argv and the environment, builds the doors, ends the process. Nothing below does that."""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from gpu_doc import config, interrupts, redaction
from gpu_doc.action import inputs, messages, outputs, runner
from gpu_doc.action import step as actions
from gpu_doc.cli import summary
from gpu_doc.cli.arguments import parse
from gpu_doc.console.console import Console
from gpu_doc.console.streams import Guarded, Reader
from gpu_doc.errors import ConfigError, Exit, GpuDocError, MachineError, UsageError, refused_by_the_system, worst
from gpu_doc.git import asking
from gpu_doc.git import checkout as git
from gpu_doc.model.configuration import Config, ImageIdentity, Run
from gpu_doc.publish import target
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.seal import key_path
from gpu_doc.record.state import Layers, State, default_folder
from gpu_doc.refresh import jupyterlab, planning, publishing, refreshing, selection
from gpu_doc.refresh.doors import Doors
from gpu_doc.refresh.publishing import Publishing
from gpu_doc.system import process
from gpu_doc.system.python_environment import active_environment, has_gpu
from gpu_doc.trust import admission

if TYPE_CHECKING:
    from gpu_doc.console.workflow_commands import Location
    from gpu_doc.execution.containers.image_lookup import ImageLookup
    from gpu_doc.github.event import Event
    from gpu_doc.trust.origin import Origin


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with the contract's exit code."""
    gc.disable()  # most calls find nothing to do and end at once: looking for garbage took 6 % of their time
    out, err = Reader(sys.stdout), Reader(sys.stderr)
    console = _console(cast("TextIO", out), cast("TextIO", err))
    # argparse prints its help there; and what Python flushes at its end must not fail once more.
    others = (Guarded(out), Guarded(err)) if console.on_runner else (out, err)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", others)
    try:
        words = sys.argv[1:] if argv is None else argv
        code = _action(words[1:], console) if words[:1] == ["action"] else _dispatch(parse(words), console)
    except GpuDocError as error:
        console.error(error)
        runner.leave_failure(error, os.environ)
        code = error.exit_code
    except KeyboardInterrupt:
        console.warn("interrupted; reports that were not finished stay as they were")
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours becomes a report, not a bare traceback
        code = _last_resort(error, console)
    interrupts.ignore()  # how it ended is not changed any more
    if out.failure:
        console.error(MachineError(f"standard output cannot be written: {out.failure.strerror}"))
        code = worst([code, Exit.MACHINE_LACKS])
    console.finish()
    sys.exit(int(code))


def _last_resort(error: Exception, console: Console) -> Exit:
    """Say what nobody foresaw: what the system refused anywhere is this machine's, all else a defect of ours."""
    told = refused_by_the_system(error)
    if told is None:
        console.defect(error, [*sys.argv[1:]])
        return Exit.DEFECT
    console.error(told)
    runner.leave_failure(told, os.environ)
    return told.exit_code


def _console(out: TextIO, err: TextIO) -> Console:
    interactive = err.isatty() and os.environ.get("TERM") != "dumb"
    colour = interactive and "NO_COLOR" not in os.environ
    ci = os.environ.get("GITHUB_ACTIONS") == "true"
    console = Console(out, err, interactive=interactive, colour=colour, ci=ci)
    console.redactor = redaction.known(None, os.environ)
    console.documents = _documents()
    return console


def _documents() -> str:
    """Where docs/ is to be read in a browser, if we are an action that a runner fetched."""
    action = re.search(r"/_actions/([^/]+/[^/]+)/", os.environ.get("GITHUB_ACTION_PATH", "") + "/")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return f"{server}/{action[1]}/blob/HEAD/docs" if action else ""


def _dispatch(args: argparse.Namespace, console: Console) -> Exit:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the working folder has been deleted", remedy="Change to one that exists.") from error
    if os.environ.get("GITHUB_ACTIONS") == "true":
        asking.trust()
    console.locate = _locator(getattr(args, "config", None), Path.cwd())
    commands = {
        "init": _init,
        "plan": _plan,
        "run": _run,
        "check": _check,
        "preview": _preview,
        "lab": _lab,
        "doctor": _doctor,
        "clean": _clean,
    }
    return commands[args.command](args, console)


def _locator(given: Path | None, here: Path) -> Callable[[str, int], Location | None]:
    """Gives the places that errors name, in the repository: GitHub annotates by them."""

    def locate(where: str, line: int) -> Location | None:
        from gpu_doc.action.placement import place  # only what went wrong needs it

        path = given or config.find(here)
        root = config.root_of(here / path) if path else here
        top = git.work_tree(root) or Path(os.environ.get("GITHUB_WORKSPACE") or root)
        return place(where, line, bases=(root, here), top=top)

    return locate


def _action(names: Sequence[str], console: Console) -> Exit:
    """What a step of an action does, for scripts/action: its inputs are in the environment."""
    if len(names) != 1 or names[0] not in (*inputs.COMMANDS, *messages.COMMANDS):
        known = ", ".join([*inputs.COMMANDS, *messages.COMMANDS])
        raise UsageError(f"`action` is what the actions call, with one of {known}")
    if token := inputs.given(os.environ, "token"):
        console.mask(token)
    if names[0] in messages.COMMANDS:
        messages.COMMANDS[names[0]](os.environ, console)
        return Exit.DONE
    return _dispatch(parse(_words_of_action(names[0])), console)


def _words_of_action(name: str) -> list[str]:
    """The command line that an action's inputs stand for; from here on in its working directory."""
    words = inputs.COMMANDS[name](os.environ)
    folder = inputs.given(os.environ, "working-directory")
    try:
        os.chdir(folder or ".")
    except OSError as error:
        remedy = "The input is a folder of the checkout, from its top: is there a step with actions/checkout before?"
        raise UsageError(f"working-directory `{folder}`: {error.strerror}", remedy=remedy) from error
    return words


# --- commands --------------------------------------------------------------------------------------------------------


def _init(_args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.init import init

    here = Path.cwd()
    if not config.at(here):
        _refuse_nested(here, console)
    done = init(here, work_tree=git.work_tree(here))
    for path in done.written:
        console.say(f"wrote {path}")
    for path in done.kept:
        console.say(f"kept  {path} (it was there already)")
    console.say("Next: `gpu-doc run` refreshes the report, `gpu-doc plan` says what would run and why.")
    return Exit.DONE


def _refuse_nested(here: Path, console: Console) -> None:
    """Make no project where commands serve another one already; one that they pass over is worth a note only."""
    if found := config.find(here):
        path = os.path.relpath(found, here)
        remedy = f"Commands here serve it already: add a report to {path}, or call init outside of its folder."
        raise UsageError(f"there is a project above: {path}", where=str(here), remedy=remedy)
    if outer := config.above(here):
        console.note(f"there is a project above: {os.path.relpath(outer, here)}; this one is apart from it")


def _plan(args: argparse.Namespace, console: Console) -> Exit:
    job = _job(args, event := _event())
    whole = selection.with_publishing(_isolated(job, console), branch=args.branch)
    chosen = selection.select(whole, args.reports, here=Path.cwd())
    chosen = selection.with_executor(chosen, args.executor, image=args.image)
    doors = _doors(args, whole, console, job)
    plan = planning.plan(chosen, doors)
    if admission.mode_for(args.publish, whole.publish, event, job.origin, configuration=target.configuration_of(whole))[
        0
    ] in ("pull-request", "auto"):
        wishes = target.Wishes(base=args.base, token=_token())
        plan = publishing.plan_with_pull_request(whole, chosen, doors, plan, lambda: target.find(whole, wishes, event))
    actions.set_outputs(outputs.of_plan(plan), os.environ)
    refreshing.tell_moved_images(plan, doors)
    if args.json:
        console.say(json.dumps(plan.to_json(), indent=2, ensure_ascii=False))
    else:
        summary.plan(plan, planning.checked(chosen, plan), console, root=chosen.root)
    return Exit.DONE


def _run(args: argparse.Namespace, console: Console) -> Exit:
    event = _event()
    if event:
        admission.refuse(event, allow_forks=args.allow_forks)
    job = _job(args, event)
    if event and job.origin:
        if admission.mode_for(args.publish, job.own.publish, event)[0] not in ("none", "check"):
            target.demand_own_repository(job.own, event)  # it says more than that nobody knows the commit
        admission.refuse_origin(event, job.origin, allow_forks=args.allow_forks)
    whole = _isolated(job, console)
    whole = selection.with_publishing(whole, branch=args.branch, labels=args.labels)
    chosen = selection.select(whole, args.reports, here=Path.cwd())
    config.not_yet(chosen)
    redaction.refuse_short(chosen, os.environ)
    chosen = selection.with_executor(chosen, args.executor, image=args.image, gpus=args.gpus, pull=args.pull)
    if sentence := config.unbound_limits(chosen):
        console.note(sentence)
    _refuse_mounts(args, chosen)
    mode, why = admission.mode_for(
        args.publish, whole.publish, event, job.origin, configuration=target.configuration_of(whole)
    )
    if why:
        console.note(why)
    doors = _doors(args, whole, console, job)
    wishes = target.Wishes(base=args.base, token=_token())
    how = Publishing(
        mode=mode,
        target=lambda: target.find(whole, wishes, event),
        echo=lambda: admission.is_echo(event, git.work_tree(whole.root)),
        only_fresh=args.only_fresh,
    )
    planned = planning.plan(chosen, doors, force=args.force)
    actions.set_outputs(outputs.of_plan(planned), os.environ)
    ended = publishing.refresh_and_publish(whole, chosen, doors, how, planned, force=args.force, jobs=args.jobs)
    summary.outcome(ended[0], chosen, console, here=Path.cwd())
    summary.published(ended[1], console)
    runner.leave(chosen, planned, ended, event, os.environ, partial=bool(args.reports))
    return ended[0].exit_code


def _check(args: argparse.Namespace, console: Console) -> Exit:
    whole = _config(args)
    chosen = selection.select(whole, args.reports, here=Path.cwd())
    doors = _doors(args, whole, console)
    plan = planning.plan(chosen, doors)
    edited = [report for report in plan.reports if report.edits]
    lines = planning.edited_lines(chosen, doors, edited) if edited else {}
    summary.check(plan, lines, console)
    for path, problems in planning.checked(chosen, plan).items():
        summary.would_fail(f"{path}: ", problems, console, root=chosen.root)
    return Exit.DONE if plan.fresh else Exit.FINDING


def _preview(args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.preview.preview import preview

    page, changes, base = preview(_config(args), base=args.base, event=_event(), out=args.out)
    for change in changes:
        console.say(f"{change.path}: {change.kind}")
    if not changes:
        console.verdict("", f"No report differs from {base}.", good=True)
    console.say(f"Preview: {page}")
    return Exit.DONE


def _lab(args: argparse.Namespace, console: Console) -> Exit:
    whole = _config(args)
    _refuse_mounts(args, whole)
    jupyterlab.lab(whole, _doors(args, whole, console), args.notebook, here=Path.cwd(), port=args.port)
    return Exit.DONE


def _doctor(_args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.doctor import doctor

    chosen = _config_if_any(config.find(Path.cwd()), console)
    findings = doctor.examine(chosen, os.environ, Path.cwd())
    console.say(doctor.text(findings))
    return Exit.MACHINE_LACKS if any(finding.state == "missing" for finding in findings) else Exit.DONE


def _clean(args: argparse.Namespace, console: Console) -> Exit:
    from gpu_doc.doctor import clean

    chosen = _config_if_any(args.config or config.find(Path.cwd()), console)
    folder = args.state_dir or (default_folder(chosen.root, os.environ) if chosen else None)
    for sentence in clean.clean(
        chosen, os.environ, State(folder, key_path(os.environ)) if folder else None, everything=args.all
    ):
        console.say(sentence)
    return Exit.DONE


# --- the runner that we may be on -------------------------------------------------------------------------------------


def _event() -> Event | None:
    """What started us, on a runner."""
    if os.environ.get("GITHUB_ACTIONS") != "true" or not os.environ.get("GITHUB_EVENT_NAME"):
        return None
    from gpu_doc.github import event

    return event.read(os.environ)


@dataclass(frozen=True)
class _Job:
    """What we do here, as the event and the checkout say; on a person's machine there is no event."""

    event: Event | None
    origin: Origin | None
    """Whose code is checked out, on a runner."""
    own: Config
    """The configuration that is checked out."""


def _job(args: argparse.Namespace, event: Event | None) -> _Job:
    own = _config(args)
    if event is None:
        return _Job(None, None, own)
    from gpu_doc.trust import origin

    remote = origin.remote(event, _token())
    found = origin.find(event, git.work_tree(own.root), lambda tree: origin.on_server(tree, remote, os.environ))
    return _Job(event, found, own)


def _isolated(job: _Job, console: Console) -> Config:
    """The configuration with what the base's decides for a pull request."""
    if job.event is None or job.origin is None:
        return job.own
    from gpu_doc.trust.isolation import with_base
    from gpu_doc.trust.origin import remote

    def warn(text: str, where: str) -> None:
        console.warn(text, where=where)

    return with_base(job.own, job.event, job.origin, remote(job.event, _token()), os.environ, warn)


def _layers(job: _Job | None, whole: Config) -> Layers:
    """Who may use whose results. A person has one layer; who is on a runner for no known reason has nobody else's."""
    if job is None or job.event is None or job.origin is None:
        return Layers(own="unknown" if os.environ.get("GITHUB_ACTIONS") == "true" else "")
    from gpu_doc.trust.origin import layers

    changed = git.is_changed(whole.root, own_files=selection.own_files(whole))
    return layers(job.event, job.origin, changed=changed)


def _refuse_mounts(args: argparse.Namespace, chosen: Config) -> None:
    if any(run.image for report in chosen.reports for run in report.runs):
        from gpu_doc.trust import mounts

        ours = [_state_folder(args, chosen), key_path(os.environ)]
        mounts.refuse(chosen, git.work_tree(chosen.root) or chosen.root, [path for path in ours if path], os.environ)


def _state_folder(args: argparse.Namespace, whole: Config) -> Path:
    return Path(args.state_dir.absolute()) if args.state_dir else default_folder(whole.root, os.environ)


def _project(args: argparse.Namespace, whole: Config) -> str:
    """What tells this project's results apart from those of others, where a job names a folder that may serve several.

    The default folder is one project's alone.
    """
    if not args.state_dir or os.environ.get("GITHUB_ACTIONS") != "true":
        return ""
    place = os.path.relpath(whole.root, git.work_tree(whole.root) or whole.root)
    return f"{os.environ.get('GITHUB_REPOSITORY', '').lower()}:{place}:"


def _token() -> str:
    """What publishing is allowed by: the action's input, else what GitHub's own command line takes."""
    return next(filter(None, map(os.environ.get, ("INPUT_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"))), "")


# --- doors -----------------------------------------------------------------------------------------------------------


def _config(args: argparse.Namespace) -> Config:
    path = args.config or config.find(Path.cwd())
    if path is None:
        raise _no_config(Path.cwd())
    return config.load(path.absolute(), git.left_out)


def _config_if_any(path: Path | None, console: Console) -> Config | None:
    """The configuration, for commands that are of use without one too."""
    try:
        return config.load(path.absolute(), git.left_out) if path else None
    except ConfigError as error:
        console.error(error)
        return None


def _no_config(here: Path) -> ConfigError:
    """Say where was looked, and what may have been meant."""
    remedy = "`gpu-doc init` writes one that works, with an example notebook and template."
    tree, outer = git.work_tree(here), config.above(here)
    if tree is None and outer:
        path = os.path.relpath(outer, here)
        what = f"no gpu-doc.yml here; without a git repository only this folder is looked in; {path} exists"
        remedy = f"Add `--config {shlex.quote(path)}`."
    else:
        what = "no gpu-doc.yml here" if tree in (None, here) else "no gpu-doc.yml here or above"
    return ConfigError(what, where=str(here), remedy=remedy)


def _doors(
    args: argparse.Namespace,
    whole: Config,
    console: Console,
    job: _Job | None = None,
) -> Doors:
    # What a pull request calls a secret is none of its runs', but it is one.
    console.redactor = redaction.known(whole, os.environ, *([job.own] if job else []))
    machine = Machine(
        environment=active_environment(os.environ),
        gpu=has_gpu(),
        tracked=lambda path: git.tracked_files(whole.root, path),
        redactor=console.redactor,
    )
    return Doors(
        console=console,
        state=State(
            _state_folder(args, whole), key_path(os.environ), lambda: _layers(job, whole), project=_project(args, whole)
        ),
        environ=os.environ,
        machine=machine,
        chromium=lambda: _chromium(console),
        # Of the whole configuration: a report that was refreshed before this one makes no checkout dirty.
        commit=lambda: git.clean_commit(whole.root, own_files=selection.own_files(whole)),
        images=_image,
        image_moved=_image_moved,
        work_tree=lambda: git.work_tree(whole.root),
    )


def _chromium(console: Console) -> Path:
    from gpu_doc.pictures.browser import find_chromium

    try:
        return find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    except MachineError as missing:
        installer = os.environ.get("GPU_DOC_CHROMIUM_INSTALLER")  # which scripts/action names
        if not installer or os.environ.get("GPU_DOC_CHROMIUM"):
            raise
        console.note("There is no Chromium on this runner: installing one.")
        try:
            process.output([installer], limit=900)
        except OSError as error:
            raise MachineError(missing.what, remedy=missing.remedy, details=str(error)) from error
    return find_chromium(None, os.environ)


def _image(run: Run, known: ImageIdentity | None) -> ImageIdentity | None:
    return _image_lookup().identity(str(run.image), docker_host=run.docker_host, pull=run.pull, known=known)


def _image_moved(run: Run, known: ImageIdentity) -> bool:
    return _image_lookup().moved(str(run.image), docker_host=run.docker_host, known=known)


@cache
def _image_lookup() -> ImageLookup:
    """One look at engines for all runs: many share an image."""
    from gpu_doc.execution.containers.image_lookup import ImageLookup  # only runs in containers need it

    return ImageLookup(os.environ)
