"""Publishes what a refresh wrote into the checkout, as a commit or a pull request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from gpu_doc.errors import PublishError
from gpu_doc.git.checkout import changed_files
from gpu_doc.model.configuration import Config
from gpu_doc.model.publishing import Published

if TYPE_CHECKING:
    from gpu_doc.github.client import GitHub
    from gpu_doc.plan.plan import Plan
    from gpu_doc.publish.commit import PublishTools
    from gpu_doc.publish.layout import Layout
    from gpu_doc.publish.offer import Offer
    from gpu_doc.publish.target import Mode, Target


class Publisher:
    """Publishes one refresh. A context manager: the end removes its temporary repository."""

    def __init__(
        self,
        whole: Config,
        chosen: Config,
        mode: Mode,
        target: Target,
        note: Callable[[str], None],
        environ: Mapping[str, str],
    ) -> None:
        """`whole` is the configuration with all reports, `chosen` with those to refresh."""
        self._whole = whole
        self._chosen = chosen
        self._mode = mode
        self._target = target
        self._note = note
        self._environ = environ
        self._stack = ExitStack()
        self.changed: tuple[str, ...] = ()
        """Paths of the reports that differ from the commit, once that is known."""

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def demand_what_is_needed(self, planned: Plan, *, force: bool) -> None:
        """Raise PublishError or UsageError before hours of runs, not after, if publishing can't work."""
        from gpu_doc.publish import checked_out

        if self._mode == "pull-request":
            self._demand_github()
        checked_out.demand_reports(self._layout, self._chosen.reports)
        at_rest = planned.fresh and not force and not changed_files(self._target.tree, self._own_paths())
        if self._mode == "commit" and at_rest:
            return
        checked_out.demand_committed(self._layout, self._whole, planned)
        checked_out.demand_branch(self._tools)
        if self._mode == "pull-request":
            from gpu_doc.publish.pull_request import demand_own_branch

            demand_own_branch(self._tools)

    def _demand_github(self) -> None:
        target = self._target
        if not target.repository:
            remedy = "`--publish commit` pushes to any git server."
            raise PublishError("pull requests need a repository on GitHub", where=target.place, remedy=remedy)
        if not target.token:
            rights = "`contents: write` and `pull-requests: write`"
            remedy = f"Set GH_TOKEN, or the action's input `token`; it needs {rights}."
            raise PublishError("there is no token to open a pull request with", remedy=remedy)

    def adopt(self, planned: Plan, plan: Callable[[], Plan]) -> bool:
        """Take stale reports from the pull request's branch; returns whether there were any."""
        if self._mode == "commit" or planned.fresh:
            return False
        from gpu_doc.publish.adopt import adopt

        return bool(adopt(self._tools, planned, plan))

    def plan_after_adopting(self, planned: Plan, plan: Callable[[], Plan]) -> Plan:
        """Return the plan as it would be after `adopt`; the checkout stays unchanged."""
        from gpu_doc.publish.adopt import adopted

        with adopted(self._tools, planned, plan):
            return plan()

    def publish(self, failed: frozenset[str], failures: Sequence[str]) -> Published:
        """Publish what differs from the checked-out commit. Raises PublishError.

        `failed` are the paths of reports that failed and stayed unchanged; `failures` has a sentence for each failure.
        """
        offers = self._offers(failed)
        self.changed = changed = tuple(offer.report.path for offer in offers)
        if self._mode == "pull-request":
            done = self._pull_request(offers, failed, failures)
        elif offers or self._mode == "auto":
            done = self._commit(offers, failed, failures)
        else:
            done = Published(mode="commit")
        return replace(done, changed=changed)

    def _offers(self, failed: frozenset[str]) -> list[Offer]:
        """Return the files of the checkout's reports that differ from its commit."""
        if not changed_files(self._target.tree, self._own_paths()):
            return []
        from gpu_doc.publish.offer import Base, from_checkout

        tools, source = self._tools, self._target.source
        reports = [report for report in self._chosen.reports if report.path not in failed]
        base = Base(tools.scratch, tools.layout, tip=source)
        offers = from_checkout(tools.layout, reports, source)
        return [offer for offer in offers if base.changes(offer)[0]]

    def _commit(self, offers: Sequence[Offer], failed: frozenset[str], failures: Sequence[str]) -> Published:
        from gpu_doc.git.refusals import ProtectedBranchError
        from gpu_doc.publish.commit import commit

        try:
            made = commit(self._tools, offers) if offers else ""
        except ProtectedBranchError as error:
            if self._mode != "auto":
                raise
            self._note(f"{error.what}; a pull request it is, then")
            return self._pull_request(offers, failed, failures)
        done = Published(mode="commit", commit=made)
        return self._without_pull_request(done, failed) if self._mode == "auto" else done

    def _without_pull_request(self, done: Published, failed: frozenset[str]) -> Published:
        """Close the pull request that was opened while the branch was protected, if the branch has everything now."""
        try:
            return replace(self._pull_request([], failed, []), mode="commit", commit=done.commit)
        except PublishError as error:
            self._note(f"the results are on {self._target.base}, but their pull request stays: {error.what}")
            return done

    def _pull_request(self, offers: Sequence[Offer], failed: frozenset[str], failures: Sequence[str]) -> Published:
        tools, target = self._tools, self._target
        if not offers and tools.scratch.tips(target.branch)[target.branch] is None:
            return Published(mode="pull-request")
        from gpu_doc.publish.description import Results
        from gpu_doc.publish.pull_request import publish

        refreshed = frozenset(report.path for report in self._chosen.reports) - failed
        results = Results(
            offers=offers, refreshed=refreshed, reports=self._whole.reports, failures=failures, failed=failed
        )
        return publish(tools, self._github, results)

    @cached_property
    def _tools(self) -> PublishTools:
        from gpu_doc.git.scratch import Scratch
        from gpu_doc.publish.commit import PublishTools

        target = self._target
        scratch = self._stack.enter_context(Scratch(target.tree, target.remote, self._environ))
        return PublishTools(scratch=scratch, layout=self._layout, target=target, note=self._note)

    @cached_property
    def _layout(self) -> Layout:
        from gpu_doc.publish.layout import Layout

        return Layout(root=self._whole.root, tree=self._target.tree)

    @cached_property
    def _github(self) -> GitHub:
        from gpu_doc.github.client import GitHub

        self._demand_github()
        target = self._target
        github = GitHub(target.repository, target.token, api_url=target.api_url, note=self._note)
        return self._stack.enter_context(github)

    def _own_paths(self) -> list[str]:
        return [
            self._layout.path(path) for report in self._chosen.reports for path in (*report.written, *report.mended)
        ]
