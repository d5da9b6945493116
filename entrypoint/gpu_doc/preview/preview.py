"""`gpu-doc preview`: the changed reports as one self-contained page, pictures before and after side by side."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.changes.changes import Side, compare
from gpu_doc.changes.sides import Checkout, Commit, Nothing, Repository
from gpu_doc.errors import UsageError
from gpu_doc.git import checkout
from gpu_doc.model.changes import PictureChange, ReportChange
from gpu_doc.model.configuration import Config
from gpu_doc.preview.pictures import Album, Picture
from gpu_doc.preview.rendered import LONGEST, rendered
from gpu_doc.publish.wording import text_in_words
from gpu_doc.record.disk import disk_error
from gpu_doc.resources import template_path
from gpu_doc.system import writing
from gpu_doc.text.from_templates import render
from gpu_doc.text.github_markdown import one_line, readable
from gpu_doc.text.numbers import in_words

if TYPE_CHECKING:
    from gpu_doc.github.event import Event

NAME = "index.html"
_OURS = '<meta name="generator" content="gpu-doc">'
"""Marks our pages, in their head."""
_MOST_VALUES = 2000
"""The most rows for one report: nobody reads a longer table."""
_MOST_TEXT = 4_000_000
"""The most characters of HTML for all reports together."""


def preview(config: Config, *, base: str, event: Event | None, out: Path) -> tuple[Path, tuple[ReportChange, ...], str]:
    """Compare the checkout with a commit. Returns the page's path, the changes on it, and the name of the base.

    `base` is any name that git has for a commit. If empty, it is the base of the pull request if that commit is here,
    else the checked-out commit. Raises UsageError.
    """
    tree = checkout.work_tree(config.root)
    if tree is None:
        remedy = "A preview compares the checkout with a commit: call it inside of a git repository."
        raise UsageError("there is no git repository", where=str(config.root), remedy=remedy)
    repository = Repository(root=config.root, tree=tree)
    commit, name = _base(tree, base, event)
    before: Side = Commit(repository=repository, commit=commit) if commit else Nothing()
    after = Checkout(repository=repository)
    changes = compare(config.reports, before, after)
    return build(changes, before=before, after=after, out=out, base=name), changes, name


def _base(tree: Path, base: str, event: Event | None) -> tuple[str | None, str]:
    """The commit to compare with, and its name for people."""
    if base:
        if commit := checkout.commit_named(tree, base):
            return commit, base
        fetch = f"git fetch origin {base}" if re.fullmatch(r"\w[\w./-]*", base) else "git fetch --unshallow"
        remedy = f"`{fetch}` may bring it; in a workflow, actions/checkout with `fetch-depth: 0`."
        raise UsageError(f"git knows no commit `{base}` here", where=str(tree), remedy=remedy)
    merge = checkout.commit_of_head(tree) if event and event.pull_request else None
    # For a pull request, a test merge is checked out; its first parent is the base at that time.
    if event and merge and len(merge.parents) == 2 and checkout.commit_named(tree, merge.parents[0]):
        return merge.parents[0], event.base_branch or merge.parents[0][:12]
    if event and event.base_sha and (commit := checkout.commit_named(tree, event.base_sha)):
        return commit, event.base_branch or commit[:12]
    commit = checkout.head_commit(tree)
    return commit, commit[:12] if commit else "nothing: there is no commit yet"


def build(
    changes: Sequence[ReportChange],
    *,
    before: Side,
    after: Side,
    out: Path,
    base: str = "",
    failures: Sequence[str] = (),
) -> Path:
    """Write the page into its folder. `base` is the base's name for people; `failures` are sentences.

    Raises UsageError if the folder holds something else, MachineError if it can't be written.
    """
    _claim(out)
    css = template_path("preview.css").read_text("utf-8")
    album = Album()
    reports = [_report(change, before, after, album) for change in changes]
    texts = _texts(changes, after, album)
    page = render(
        "preview.html",
        {
            "generator": _OURS,
            "css": css,
            "style_hash": b64encode(sha256(css.encode()).digest()).decode(),
            "reports": [report | {"text": text} for report, text in zip(reports, texts, strict=True)],
            "left_out": album.left_out,
            "base": one_line(base),
            "failures": [one_line(failure) for failure in failures],
        },
    )
    return _write(out, page)


# --- what is on the page ---------------------------------------------------------------------------------------------


def _report(change: ReportChange, before: Side, after: Side, album: Album) -> dict[str, Any]:
    came, went = change.lines
    values = [(value.name, *in_words(value.before, value.after)) for value in change.values[:_MOST_VALUES]]
    return {
        "path": one_line(change.path),
        "kind": change.kind,
        "came": came,
        "went": went,
        "changed_values": [tuple(map(one_line, row)) for row in values],
        "more_values": len(change.values) - len(values),
        "pictures": [_pair(picture, before, after, album) for picture in change.pictures],
        "changed_texts": [(one_line(text.name), text_in_words(text)) for text in change.texts],
        "why": [one_line(reason) for reason in change.why],
        "environment": [(one_line(label), one_line(text)) for label, text in change.environment],
    }


def _pair(change: PictureChange, before: Side, after: Side, album: Album) -> dict[str, Any]:
    def side(path: str | None, side: Side, absent: str) -> dict[str, Picture | str | None]:
        picture = album.picture(side.read(path)) if path else None
        return {"picture": picture, "instead": "" if picture else "not shown here" if path else absent}

    return {
        "name": one_line(change.name),
        "before": side(change.before, before, "was not there"),
        "after": side(change.after, after, "is gone"),
    }


def _texts(changes: Sequence[ReportChange], after: Side, album: Album) -> list[str | None]:
    """Return the present reports as HTML; a too long one is None, an absent one is empty."""
    texts: list[str | None] = []
    room = _MOST_TEXT
    for change in changes:
        content = (after.read(change.path) or b"").decode("utf-8", "replace")
        html = None
        if len(content) <= min(room, LONGEST):
            html = rendered(
                readable(content), change.path, lambda path: album.picture(after.read(path)) if path else None
            )
            room -= len(content)
        texts.append(html)
    return texts


# --- the folder ------------------------------------------------------------------------------------------------------


def _claim(out: Path) -> None:
    """Make the folder; refuse one that holds something that isn't ours."""
    page = out / NAME
    try:
        out.mkdir(parents=True, exist_ok=True)
        ours = page.is_file() and _OURS.encode() in page.read_bytes()[:2000]
        occupied = any(out.iterdir()) and not ours
    except FileExistsError as error:
        raise UsageError("the preview needs a folder, and this is a file", where=str(out)) from error
    except OSError as error:
        raise disk_error(error, out) from error
    if occupied:
        remedy = "Name a folder that is new or empty, or holds an earlier preview."
        raise UsageError("the folder for the preview holds something else", where=str(out), remedy=remedy)


def _write(out: Path, page: str) -> Path:
    """Write the page completely or not at all."""
    try:
        writing.replace(out / NAME, page.encode("utf-8", "replace"))
    except OSError as error:
        raise disk_error(error, out) from error
    return out / NAME
