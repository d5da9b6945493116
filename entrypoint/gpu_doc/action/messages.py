"""The actions that write to people and run nothing: `comment/` and `issue/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpu_doc.action.inputs import given
from gpu_doc.action.step import add_summary, set_outputs
from gpu_doc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpu_doc.console.console import Console
    from gpu_doc.github.client import GitHub
    from gpu_doc.github.event import Event


_READ_ONLY = (
    "GitHub lets no comment be made in runs for pull requests of Dependabot and forks: it is in the run's summary"
)


def comment(environ: Mapping[str, str], console: Console) -> None:
    """Keep the comment on a pull request, for the inputs of comment/action.yml."""
    from gpu_doc.action.comment import Preview, keep, text
    from gpu_doc.github.refusals import ReadOnlyError

    preview = Preview(
        result=given(environ, "result"),
        changes=given(environ, "changes"),
        url=given(environ, "preview-url"),
        name=_name(environ) or "gpu-doc",
    )
    with _github(environ, console) as (github, event):
        try:
            done = keep(github, event, preview)
        except ReadOnlyError as error:
            if not event.has_read_only_token:
                raise
            # Nobody can change that, so it is not a failure. The run's summary has the same text.
            done = "none"
            console.annotate("notice", f"{_READ_ONLY}: {error.what}")
            console.note(_READ_ONLY)
            add_summary(text(event, preview)[0], environ)
    console.say(f"comment: {done}")
    set_outputs({"operation": done}, environ)


def issue(environ: Mapping[str, str], console: Console) -> None:
    """Look after the issue of a workflow that may fail, for the inputs of issue/action.yml."""
    from gpu_doc.action.issue import Watched, look_after, results

    watched = Watched(
        workflow=environ.get("GITHUB_WORKFLOW", ""),
        file=environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0],
        name=_name(environ),
        results=results(given(environ, "result")),
    )
    with _github(environ, console) as (github, event):
        done = look_after(github, event, watched)
    number, url = (str(done.issue.number), done.issue.url) if done.issue else ("", "")
    console.say(f"issue: {done.operation} {url}".rstrip())
    set_outputs({"operation": done.operation, "issue-number": number, "issue-url": url}, environ)


COMMANDS: Mapping[str, Callable[[Mapping[str, str], Console], None]] = {"comment": comment, "issue": issue}
"""The functions by the word that the actions pass to scripts/action."""


def _name(environ: Mapping[str, str]) -> str:
    return " ".join(given(environ, "name").split())


@contextmanager
def _github(environ: Mapping[str, str], console: Console) -> Iterator[tuple[GitHub, Event]]:
    from gpu_doc.github import event as events
    from gpu_doc.github.client import GitHub

    event = events.read(environ)
    token = given(environ, "token")
    if not token:
        raise UsageError("the input `token` is empty", remedy="Leave it out: then it is the job's own token.")
    with GitHub(event.repository, token, api_url=event.api_url, note=console.note) as github:
        yield github, event
