"""The stages in order: plan, rehearse, execute, capture, compose, publish."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gpu_doc import interrupts
from gpu_doc.console.console import Console
from gpu_doc.errors import Exit, FindingError, GpuDocError, UsageError, worst
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import Config, ImageIdentity, Report, Run
from gpu_doc.model.publishing import Published
from gpu_doc.model.results import Result
from gpu_doc.plan.plan import Plan, Planner, ReportPlan
from gpu_doc.record.fingerprint import Machine
from gpu_doc.record.state import State
from gpu_doc.text.nearest import did_you_mean

if TYPE_CHECKING:
    from gpu_doc.execution.runs.docker import Docker
    from gpu_doc.publish.target import Target
    from gpu_doc.trust.admission import AnyMode


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a refresh talks to, made by `cli/main.py`."""

    console: Console
    state: State
    environ: Mapping[str, str]
    machine: Machine
    chromium: Callable[[], Path]
    commit: Callable[[], str | None]
    """The commit that the checkout is, but for what we write there ourselves; None where there is no such."""
    image_moved: Callable[[Run, ImageIdentity], bool]
    """Whether a run's image, by its name, is another one here by now than this one."""
    work_tree: Callable[[], Path | None]
    """The repository that the configuration lies in, if it lies in one."""


@dataclass(kw_only=True)
class Outcome:
    """How a refresh ended: what was written, per report, and what went wrong."""

    written: dict[str, tuple[str, ...]] = field(default_factory=dict)
    executed: int = 0
    results: list[Result] = field(default_factory=list)
    """Of the runs that ended well."""
    errors: list[GpuDocError] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Paths of the reports that stayed as they were because something failed."""
    left: bool = False
    """Whether something is stale that nobody asked to refresh."""

    @property
    def exit_code(self) -> Exit:
        """The exit code that stands for all of it."""
        return worst([error.exit_code for error in self.errors])


def plan(config: Config, doors: Doors, *, force: bool = False) -> Plan:
    """What would run and why."""
    return _planner(config, doors).plan(config, force=force)


def checked(config: Config, planned: Plan) -> dict[str, tuple[GpuDocError, ...]]:
    """Why a refresh of the stale reports would fail, as far as that can be known without running: by report's path."""
    stale = [report for report in planned.reports if not report.fresh]
    if not stale:
        return {}
    from gpu_doc.report.rehearsal import check_report
    from gpu_doc.report.template import TemplateWorker

    with TemplateWorker() as templates:
        return {report.report.path: check_report(report, config.root, templates).problems for report in stale}


def refresh(config: Config, doors: Doors, *, force: bool, jobs: int | None, planned: Plan | None = None) -> Outcome:
    """Bring the reports of a configuration up to date; what fails leaves its own reports as they were."""
    # A tag that moved is only seen by pulling it.
    pulls = any(run.image and run.pull == "always" for report in config.reports for run in report.runs)
    planned = planned or plan(config, doors, force=force)
    tell_moved_images(planned, doors)
    if not pulls and planned.fresh:
        return Outcome()
    gc.enable()  # see cli/main.py; from here on it takes a while
    from gpu_doc.refresh.refresh import Refresh

    with (
        doors.state.lock(lambda who: doors.console.note(f"waiting for {who}, which refreshes these reports")),
        ExitStack() as stack,
    ):
        if not doors.state.lasts:
            doors.console.note(
                "there is no folder to keep the key of state in (HOME): no later run can use these results"
            )
        docker = _containers(config, doors, stack)
        if docker:
            with doors.console.group("Images"):
                doors = _with_images(config, doors, docker, force=force)
        reports = plan(config, doors, force=force).reports
        # Of those that are fresh, a pull that was asked for and failed is a failure, too.
        todo = [report for report in reports if not report.fresh or _not_pulled(report, docker)]
        if not todo:
            return Outcome()
        _tell_plan([report for report in todo if not report.fresh], doors.console)
        work = stack.enter_context(Refresh(config, doors.state, doors.machine, doors.console, doors.commit(), docker))
        work.open_doors(doors.environ, doors.chromium)
        work.run(todo, jobs=jobs)
        doors.state.prune()
    return Outcome(
        written=work.written, executed=work.executed, results=work.results, errors=work.errors, failed=work.failed
    )


def _not_pulled(report: ReportPlan, docker: Docker | None) -> bool:
    """Whether a run of the report pulls its image always, and could not."""
    pulled = [each.run for each in report.runs if each.run.image and each.run.pull == "always"]
    return docker is not None and any(docker.problem(run, report.known_image(run)) for run in pulled)


def _tell_plan(todo: Sequence[ReportPlan], console: Console) -> None:
    """In a runner's log, why something is done; elsewhere `gpu-doc plan` says it, but for what nobody expects."""
    for report in todo:
        if lost := [run.run.address for run in report.runs if run.is_lost]:
            console.note(report.needs(lost))
    lines: list[str] = []
    for report in todo:
        lines += [report.report.path, *(f"  {reason}" for reason in report.reasons)]
        lines += [f"  {run.run.address}: {'; '.join(run.reasons) or 'fresh'}" for run in report.runs]
    runs = sum(not run.fresh for report in todo for run in report.runs)
    console.fold(f"Plan: reports to refresh: {len(todo)}, runs to execute for them: {runs}", lines)


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """How a refresh is published."""

    mode: AnyMode
    target: Callable[[], Target]
    """Where to; asked only if something may be published."""
    echo: Callable[[], bool]
    """Whether this run was started by nothing but our own commit."""
    only_fresh: bool = False
    """Whether nothing may run here: what is stale is left to another machine."""


def refresh_and_publish(
    whole: Config, chosen: Config, doors: Doors, publishing: Publishing, planned: Plan, *, force: bool, jobs: int | None
) -> tuple[Outcome, Published]:
    """Bring the chosen reports of the whole configuration up to date, and publish what differs from the commit."""
    nothing = publishing.only_fresh  # to be executed; not even an image is pulled
    if publishing.mode == "none" or (nothing and publishing.mode in ("check", "commit")):
        refreshed = None if nothing else refresh(chosen, doors, force=force, jobs=jobs, planned=planned)
        outcome = refreshed or _left(planned, doors)
        return outcome, Published(mode="none", changed=_changed(outcome))
    if publishing.mode == "check":
        return _check_for_changes(chosen, doors, planned, force=force, jobs=jobs)
    from gpu_doc.publish.publish import Publisher

    if not planned.fresh and not force and publishing.echo():
        _tell_loop(planned, doors)
        return Outcome(left=True), Published(mode="none")
    with Publisher(whole, chosen, publishing.mode, publishing.target(), doors.console.note, doors.environ) as publisher:
        publisher.demand_what_is_needed(planned, force=force)
        # With `force` too: where the results are the same again, what is there stays to the byte.
        if publisher.adopt(plan(chosen, doors) if force else planned, lambda: plan(chosen, doors)):
            planned = plan(chosen, doors, force=force)
        if nothing and not planned.fresh:
            return _left(planned, doors), Published(mode="none")
        outcome = Outcome() if nothing else refresh(chosen, doors, force=force, jobs=jobs, planned=planned)
        try:
            failures = [_in_a_line(error) for error in outcome.errors]
            with doors.console.group("Publish"):
                interrupts.check()
                return outcome, publisher.publish(frozenset(outcome.failed), failures)
        except GpuDocError as error:
            doors.console.error(error)
            outcome.errors.append(error)
            return outcome, Published(mode="none", changed=publisher.changed)


def plan_with_pull_request(
    whole: Config, chosen: Config, doors: Doors, planned: Plan, target: Callable[[], Target]
) -> Plan:
    """What would run, if what an open pull request holds already is taken over; the checkout stays as it was."""
    if planned.fresh:
        return planned
    from gpu_doc.publish.publish import Publisher

    try:
        with Publisher(whole, chosen, "pull-request", target(), doors.console.note, doors.environ) as publisher:
            return publisher.plan_after_adopting(planned, lambda: plan(chosen, doors))
    except GpuDocError as error:  # better a run too many than none
        doors.console.warn(f"what an open pull request may hold is not known: {_in_a_line(error)}")
        return planned


def _left(planned: Plan, doors: Doors) -> Outcome:
    """What comes of a call that may run nothing."""
    if not planned.fresh:
        doors.console.note("something is stale, which is left to the next refresh: nothing runs here")
    return Outcome(left=not planned.fresh)


def _tell_loop(planned: Plan, doors: Doors) -> None:
    """Say why nothing is run: each commit of ours would lead to the next."""
    stale = [report for report in planned.reports if not report.fresh]
    reasons = [*stale[0].reasons, *(reason for run in stale[0].runs for reason in run.reasons)]
    doors.console.warn(
        f"{stale[0].report.path} is stale again right after gpu-doc's own commit ({'; '.join(reasons[:3])}). "
        "Nothing is run, or it would go on for ever: does `depends-on` or `data` take in what gpu-doc writes?"
    )


def _check_for_changes(
    config: Config, doors: Doors, planned: Plan, *, force: bool, jobs: int | None
) -> tuple[Outcome, Published]:
    """Bring the reports up to date; that one changed is a finding."""
    outcome = refresh(config, doors, force=force, jobs=jobs, planned=planned)
    changed = _changed(outcome)
    for path in changed:
        remedy = "Commit it as it is now, or let `publish` do so."
        error = FindingError("this report is not what its runs give", where=path, remedy=remedy)
        doors.console.error(error)
        outcome.errors.append(error)
    return outcome, Published(mode="check", changed=changed)


def _changed(outcome: Outcome) -> tuple[str, ...]:
    return tuple(path for path, files in outcome.written.items() if files)


def _in_a_line(error: GpuDocError) -> str:
    return f"{error.where}: {error.what}" if error.where else error.what


def tell_moved_images(planned: Plan, doors: Doors) -> None:
    """Say where a run stays on its digest though the name means a newer image here: who built it may wonder."""
    told: set[str] = set()
    runs = [run for report in planned.reports for run in report.runs]
    for each in (run for run in runs if run.run.image and run.run.pull != "always"):
        known = ImageIdentity.of_machine(each.fingerprint.machine) if each.fingerprint else None
        image = str(each.run.image)
        if known and image not in told and doors.image_moved(each.run, known):
            told.add(image)
            doors.console.note(f"{image} is another image here by now; runs stay on theirs until `--pull always`")


def lab(config: Config, doors: Doors, notebook: str | None, *, here: Path, port: int) -> None:
    """JupyterLab in the image of the run that uses the notebook, until it is ended; port 0 is any that is free."""
    from gpu_doc import lab
    from gpu_doc.execution.containers.jupyterlab import reserve

    gc.enable()
    run = lab.choose(config, notebook, here=here)
    user = lab.person(doors.work_tree() or config.root)
    note = doors.console.note
    with ExitStack() as stack:
        listener = stack.enter_context(closing(reserve(port)))
        docker = _containers(config, doors, stack)
        assert docker
        place = lab.place_of(run, docker, config, user, note)
        gpus = stack.enter_context(lab.lease(run, docker, doors.environ, note)).gpus
        lab.serve(place, gpus, listener, run.notebook if notebook else None, doors.console)


def _containers(config: Config, doors: Doors, stack: ExitStack) -> Docker | None:
    """What runs in containers share; None where no run has an image."""
    if not any(run.image for report in config.reports for run in report.runs):
        return None
    from gpu_doc.execution.runs.docker import Docker
    from gpu_doc.system.temporary import private_folder

    checkout = doors.work_tree() or config.root
    runtime = stack.enter_context(private_folder(room=len("/e0/engine.sock")))
    return stack.enter_context(
        Docker(
            environ=doors.environ,
            root=config.root,
            checkout=checkout,
            config=config.path,
            runtime=runtime,
            layer=doors.state.owner,
            say=doors.console.warn,
        )
    )


def _with_images(config: Config, doors: Doors, docker: Docker, *, force: bool) -> Doors:
    """Have the images of all that may be executed, and take these for what is planned from here on."""
    wanted = [
        (each.run, report.known_image(each.run))
        for report in plan(config, doors, force=force).reports
        for each in report.runs
        if each.run.image and (not each.fresh or each.run.pull == "always")
    ]
    docker.prepare(wanted, doors.console.note)
    before = doors.machine.image
    machine = replace(doors.machine, image=lambda run, known: docker.identity(run, known) or before(run, known))
    return replace(doors, machine=machine)


def with_executor(
    config: Config,
    executor: Literal["auto", "local", "docker"],
    *,
    image: str | None = None,
    gpus: str | int | tuple[int | str, ...] | None = None,
    pull: str | None = None,
) -> Config:
    """The configuration with what the command line says about where runs happen; None leaves it as it is.

    Raises UsageError: a run has no image and shall be in a container.
    """
    said: dict[str, Any] = {"image": image, "gpus": gpus, "pull": pull}
    said = {name: value for name, value in said.items() if value is not None}

    def changed(run: Run) -> Run:
        run = replace(run, **said)
        if executor == "docker" and not run.image:
            remedy = f"Give it an `image`, or leave it to `--executor auto`: line {run.line} of {config.path.name}."
            raise UsageError(f"the run {run.address} has no image to run in", where=run.report, remedy=remedy)
        return replace(run, image=None, configured_image=run.image) if executor == "local" else run

    reports = (replace(report, runs=tuple(map(changed, report.runs))) for report in config.reports)
    return replace(config, reports=tuple(reports))


def with_publishing(config: Config, *, branch: str, labels: Sequence[str] | None = None) -> Config:
    """The configuration with what the command line says about publishing; empty and None leave it as it is."""
    publish = replace(config.publish, branch=branch) if branch else config.publish
    publish = publish if labels is None else replace(publish, labels=tuple(labels))
    return replace(config, publish=publish)


def select(config: Config, wanted: Sequence[str], *, here: Path) -> Config:
    """The configuration with the named reports only; names are paths from root or from the working folder."""
    if not wanted:
        return config
    by_path = {report.path: report for report in config.reports}
    chosen: dict[str, Report] = {}
    for name in wanted:
        # Not resolve(): a report may be a link, and root lie below one.
        spellings = (
            os.path.relpath(here / name, config.root),
            os.path.relpath((here / name).resolve(), config.root.resolve()),
        )
        report = next((by_path[path] for path in (name, *spellings) if path in by_path), None)
        if report is None:
            known = ", ".join(by_path) or "none"
            remedy = did_you_mean(name, by_path) or f"Name one of these: {known}."
            raise UsageError(f"no report `{name}` is configured", remedy=remedy)
        chosen[report.path] = report
    return replace(config, reports=tuple(chosen.values()))


def edited_lines(config: Config, doors: Doors, plans: Iterable[ReportPlan]) -> dict[str, int]:
    """Where a generated report was edited by hand: path to the first line that differs from what evidence renders."""
    from gpu_doc.refresh.refresh import first_edited_line

    planner = _planner(config, doors)
    found = {plan.report.path: first_edited_line(plan, planner) for plan in plans}
    return {path: line for path, line in found.items() if line}


def _planner(config: Config, doors: Doors) -> Planner:
    return Planner(
        root=config.root,
        capture=config.capture,
        state=doors.state,
        machine=doors.machine,
        rehearse=lambda report: _rehearsed(report, config.root),
        needed_runs=_needed_runs,
    )


def _rehearsed(report: Report, root: Path) -> Sequence[Call]:
    from gpu_doc.report.report import rehearse
    from gpu_doc.report.template import TemplateWorker

    with TemplateWorker() as templates:
        return [call for call, _ in rehearse(report, root, templates).calls]


def _needed_runs(call: Call, report: Report) -> Sequence[str]:
    from gpu_doc.functions.precheck import needed_runs

    return needed_runs(call, report)


def own_files(config: Config) -> list[str]:
    """What we write into the checkout, relative to root; folders with a trailing slash."""
    own = [name for report in config.reports for name in (report.path, f"{report.assets}/")]
    return [*own, ".gpu-doc/"]
