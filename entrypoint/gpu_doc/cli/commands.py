"""The commands. Each does its work and returns the exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc import config, redaction
from gpu_doc.cli import summary
from gpu_doc.cli.call import Call, Job, find_job, isolated, listens
from gpu_doc.cli.doors import build_doors, refuse_mounts
from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, UsageError, worst
from gpu_doc.git import checkout as git
from gpu_doc.model.configuration import Config, PublishMode
from gpu_doc.model.location import Location
from gpu_doc.record.state import State, default_folder, key_path
from gpu_doc.refresh import planning, publishing, refreshing, selection
from gpu_doc.refresh.publishing import Publishing

if TYPE_CHECKING:
    from gpu_doc.github.event import Event
    from gpu_doc.plan.plan import Plan
    from gpu_doc.publish.target import Target


def _init(call: Call) -> Exit:
    from gpu_doc.init import init

    here, console = call.here, call.console
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
    """Refuse to make a project inside one that commands here use already; only note one that they would not use."""
    if found := config.find(here):
        path = os.path.relpath(found, here)
        remedy = f"Commands here serve it already: add a report to {path}, or call init outside of its folder."
        raise UsageError(f"there is a project above: {path}", where=Location(str(here)), remedy=remedy)
    if outer := config.above(here):
        console.note(f"there is a project above: {os.path.relpath(outer, here)}; this one is apart from it")


def _plan(call: Call) -> Exit:
    args, console = call.args, call.console
    job = find_job(call, call.event())
    whole = selection.with_publishing(isolated(job, call), branch=args.branch)
    chosen = selection.select(whole, args.reports, here=call.here)
    chosen = selection.with_executor(chosen, args.executor, image=args.image)
    doors = build_doors(call, whole, job)
    plan = planning.plan(chosen, doors)
    if args.explain:
        from gpu_doc.cli import explaining

        explaining.explain(args.explain, plan, console, root=chosen.root, as_json=args.json)
        return Exit.DONE
    if _mode(call, whole, job)[0] in ("pull-request", "auto"):
        plan = publishing.plan_with_pull_request(whole, chosen, doors, plan, lambda: _target(call, whole, job))
    _set_outputs(plan, call)
    refreshing.tell_moved_images(plan, doors)
    if args.json:
        console.say(json.dumps(plan.to_json(), indent=2, ensure_ascii=False))
    else:
        summary.plan(plan, planning.checked(chosen, plan), console, root=chosen.root)
    return Exit.DONE


def _run(call: Call) -> Exit:
    args, console = call.args, call.console
    job = _admitted(call)
    event = job.event
    whole = isolated(job, call)
    whole = selection.with_publishing(whole, branch=args.branch, labels=args.labels)
    chosen = selection.select(whole, args.reports, here=call.here)
    redaction.refuse_short(chosen, call.environ)
    chosen = selection.with_executor(chosen, args.executor, image=args.image, gpus=args.gpus, pull=args.pull)
    if sentence := config.unbound_limits(chosen):
        console.note(sentence)
    refuse_mounts(call, chosen)
    mode, why = _mode(call, whole, job)
    if why:
        console.note(why)
    doors = build_doors(call, whole, job)
    how = Publishing(
        mode=mode,
        target=lambda: _target(call, whole, job),
        echo=lambda: _is_echo(event, whole),
        only_fresh=args.only_fresh,
    )
    planned = planning.plan(chosen, doors, force=args.force)
    _set_outputs(planned, call)
    ended = publishing.refresh_and_publish(whole, chosen, doors, how, planned, force=args.force, jobs=args.jobs)
    summary.outcome(ended[0], chosen, console, here=call.here)
    summary.published(ended[1], console)
    if listens(call.environ):
        from gpu_doc.action import runner

        runner.leave(chosen, planned, ended, event, call.environ, partial=bool(args.reports))
    return ended[0].exit_code


def _admitted(call: Call) -> Job:
    """Find out whose code this is; refuse what may not run here. Raises GpuDocError."""
    event = call.event()
    if event is None:
        return find_job(call, event)
    from gpu_doc.trust import admission

    args = call.args
    admission.refuse(event, allow_forks=args.allow_forks)
    job = find_job(call, event)
    if job.origin:
        if admission.mode_for(args.publish, job.own.publish, event)[0] not in ("none", "check"):
            from gpu_doc.publish import target

            target.demand_own_repository(job.own, event)  # its message says more than "unknown commit"
        admission.refuse_origin(event, job.origin, allow_forks=args.allow_forks)
    return job


def _mode(call: Call, whole: Config, job: Job) -> tuple[PublishMode, str]:
    """Return how to publish, and why if not as asked."""
    asked = call.args.publish
    if job.event is None:
        return whole.publish.mode_for(asked), ""
    from gpu_doc.publish.target import configuration_of
    from gpu_doc.trust import admission

    configuration = configuration_of(whole)
    return admission.mode_for(asked, whole.publish, job.event, job.origin, configuration=configuration)


def _is_echo(event: Event | None, whole: Config) -> bool:
    """Whether nothing but our own commit started us."""
    if event is None:
        return False
    from gpu_doc.trust import admission

    return admission.is_echo(event, git.work_tree(whole.root))


def _target(call: Call, whole: Config, job: Job) -> Target:
    """Where to publish to."""
    from gpu_doc.publish import target

    return target.find(whole, target.Wishes(base=call.args.base, token=call.token), job.event)


def _set_outputs(plan: Plan, call: Call) -> None:
    """Tell the steps that follow on a runner what is known before anything runs."""
    if listens(call.environ):
        from gpu_doc.action import outputs, step

        step.set_outputs(outputs.of_plan(plan), call.environ)


def _check(call: Call) -> Exit:
    args, console = call.args, call.console
    whole = call.config()
    chosen = selection.select(whole, args.reports, here=call.here)
    doors = build_doors(call, whole)
    plan = planning.plan(chosen, doors)
    edited = [report for report in plan.reports if report.edits]
    lines = planning.edited_lines(chosen, doors, edited) if edited else {}
    summary.check(plan, lines, console)
    for path, problems in planning.checked(chosen, plan).items():
        summary.would_fail(f"{path}: ", problems, console, root=chosen.root)
    broken = [error.exit_code for report in plan.reports for error in report.broken]
    return worst([*broken, Exit.DONE if plan.fresh else Exit.FINDING])


def _verify(call: Call) -> Exit:
    from gpu_doc.cli import verdicts

    whole = call.config()
    chosen = selection.select(whole, call.args.reports, here=call.here)
    return verdicts.verify(chosen, build_doors(call, whole), as_json=call.args.json)


def _why(call: Call) -> Exit:
    from gpu_doc.cli import verdicts

    whole = call.config()
    name, line = verdicts.place(call.args.place)
    chosen = selection.select(whole, [name], here=call.here)
    return verdicts.why(chosen, build_doors(call, whole), line, as_json=call.args.json)


def _preview(call: Call) -> Exit:
    from gpu_doc.preview.preview import preview

    args, console = call.args, call.console
    page, changes, base = preview(call.config(), base=args.base, event=call.event(), out=args.out)
    for change in changes:
        console.say(f"{change.path}: {change.kind}")
    if not changes:
        console.verdict("", f"No report differs from {base}.", good=True)
    console.say(f"Preview: {page}")
    return Exit.DONE


def _lab(call: Call) -> Exit:
    from gpu_doc.refresh import jupyterlab

    whole = call.config()
    refuse_mounts(call, whole)
    jupyterlab.lab(whole, build_doors(call, whole), call.args.notebook, here=call.here, port=call.args.port)
    return Exit.DONE


def _doctor(call: Call) -> Exit:
    from gpu_doc.doctor import doctor

    chosen = call.config_if_any(config.find(call.here))
    findings = doctor.examine(chosen, call.environ, call.here)
    call.console.say(doctor.text(findings))
    return Exit.MACHINE_LACKS if any(finding.state == "missing" for finding in findings) else Exit.DONE


def _clean(call: Call) -> Exit:
    from gpu_doc.doctor import clean

    chosen = call.config_if_any(call.args.config or config.find(call.here))
    folder = call.args.state_dir or (default_folder(chosen.root, call.environ) if chosen else None)
    state = State(folder, key_path(call.environ)) if folder else None
    for sentence in clean.clean(chosen, call.environ, state, everything=call.args.all):
        call.console.say(sentence)
    return Exit.DONE


ALL = {
    "init": _init,
    "plan": _plan,
    "run": _run,
    "check": _check,
    "verify": _verify,
    "why": _why,
    "preview": _preview,
    "lab": _lab,
    "doctor": _doctor,
    "clean": _clean,
}
"""The commands by name."""
