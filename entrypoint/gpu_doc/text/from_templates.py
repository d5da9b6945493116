"""Renders our own templates: texts for people. The templates are trusted; the values put into them are not.

Users' templates are rendered in a child process with limits: report/template.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from gpu_doc.resources import template_path

if TYPE_CHECKING:
    from jinja2 import Environment


def render(name: str, values: Mapping[str, Any], *, finish: Callable[[Any], str] | None = None) -> str:
    """Fill in a file of `templates/`.

    `finish` turns each value into escaped text. Without it, the result is HTML, and everything is escaped except what
    the template marks as `safe`.
    """
    return _environment(finish).get_template(name).render(values)


@cache
def _environment(finish: Callable[[Any], str] | None) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(template_path("")),
        autoescape=finish is None,  # noqa: S701 - Markdown is escaped by `finish`
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
