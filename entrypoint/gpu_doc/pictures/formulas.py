"""Formulas: LaTeX to SVG by MathJax, as Jupyter typesets it; found where Jupyter finds it.

MathJax comes with the package django-static-mathjax, of which only that one script is used, and runs in Chromium
(templates/typeset.js). It draws paths: no font of the machine is needed, and no script is left in the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape, unescape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.errors import CaptureError, MachineError
from gpu_doc.model.pictures import Exhibit

if TYPE_CHECKING:
    from nbconvert.filters.markdown_mistune import IPythonRenderer


@dataclass(frozen=True)
class Formula:
    """What templates/typeset.js is asked for."""

    latex: str
    display: bool
    """Whether it stands by itself."""
    before: tuple[str, ...]
    """Formulas whose definitions it may use."""
    width: int
    """CSS pixels of the page: `\\tag` stands at its edge."""


Typeset = Callable[[Formula], Mapping[str, str]]
"""Gives a formula's `svg`, or an `error` in words."""

_LONGEST = 10_000
"""Characters of one formula, with the definitions before it. MathJax takes some three seconds for as many letters."""
_MOST = 2000
"""Formulas in one exhibit."""
_UNCLOSED = 100
"""Delimiters without an end that are looked for: each costs a walk to the end of the text."""
_SHOWN = 60
_START = re.compile(r"\\(?P<escaped>[\\$])|\$\$?|\\[(\[]|\\begin\s*\{(?P<environment>[a-zA-Z]+\*?)\}")
_CLOSING = {"$": r"\$", "$$": r"\$\$", r"\(": r"\\\)", r"\[": r"\\\]"}
_MARKED = re.compile(r"<span data-gpu-doc-latex>(?P<text>[^<]*)</span>")
_DEFINES = re.compile(r"\\(?:(?:re|provide)?newcommand|newenvironment|[gex]?def|let|Declare\w+)(?![a-zA-Z])")
_REMEDY = (
    "Write the formula with what MathJax 3 knows, or let the cell show an image of it, as Matplotlib draws one; text() "
    "shows the source. In Markdown and Latex(), a dollar that begins no formula is written \\$."
)


def script() -> Path:
    """Return the path of MathJax. Raises MachineError if its package is not installed."""
    spec = find_spec("mathjax")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "static/mathjax/es5/tex-svg-full.js").is_file():
            return path
    raise MachineError("MathJax was not found.", remedy="Install it: pip install django-static-mathjax")


class Formulas:
    """The formulas of one exhibit, in their order: what one defines (by newcommand), the next ones can use."""

    def __init__(self, exhibit: Exhibit, typeset: Typeset) -> None:
        self._exhibit = exhibit
        self._typeset = typeset
        self._before: tuple[str, ...] = ()
        self._count = 0

    def html(self, latex: str, *, display: bool) -> str:
        """Return the HTML of a formula. Raises CaptureError if MathJax can't typeset it, with its message."""
        self._count += 1
        if self._count > _MOST:
            raise self._refused(latex, f"it is one of more than {_MOST:,} formulas")
        if len(latex) + sum(map(len, self._before)) > _LONGEST:
            raise self._refused(latex, f"it is longer than {_LONGEST:,} characters")
        answer = self._typeset(Formula(latex, display, self._before, self._exhibit.width))
        if "svg" not in answer:
            raise self._refused(latex, f"MathJax says “{answer['error'].rstrip('.')}”")
        if _DEFINES.search(latex):
            self._before += (latex,)
        return f'<span data-gpu-doc-formula="{"display" if display else "inline"}">{answer["svg"]}</span>'

    def latex(self, text: str) -> str:
        """Return the HTML of an output of text/latex: text with formulas in it.

        Raises CaptureError if a formula can't be typeset.
        """
        return f"<div>{self._in_text(text)}</div>"

    def in_widgets(self, html: str) -> str:
        """Return the HTML of an output with the formulas in its widgets typeset (widgets/math.py marks their texts).

        Raises CaptureError if a formula can't be typeset.
        """
        return _MARKED.sub(lambda marked: f"<span>{self._in_text(unescape(marked['text']))}</span>", html)

    def _in_text(self, text: str) -> str:
        return "".join(
            escape(part) if display is None else self.html(part, display=display) for part, display in self.found(text)
        )

    def found(self, text: str) -> Iterator[tuple[str, bool | None]]:
        r"""Yield the parts of a text: formulas, with whether each is a display, and the text between, with None.

        As MathJax's FindTeX does with JupyterLab's options: `$`, `$$`, `\(`, `\[`, environments; `\$` is a dollar.
        """
        at = done = unclosed = 0
        while start := _START.search(text, at):
            at = start.end()
            end = None if start["escaped"] else _end(text, start)
            if start["escaped"] == "$":
                yield text[done : start.start()] + "$", None
                done = at
            elif end:
                yield text[done : start.start()], None
                environment = start["environment"] is not None
                inside = slice(start.start(), end.end()) if environment else slice(start.end(), end.start())
                yield text[inside], environment or start[0] in ("$$", r"\[")
                at = done = end.end()
            elif not start["escaped"]:
                unclosed += 1
                if unclosed > _UNCLOSED:
                    raise self._refused(text, f"more than {_UNCLOSED} formulas begin in it that don't end")
        yield text[done:], None

    def renderer(self) -> IPythonRenderer:
        """Return nbconvert's renderer of Markdown, changed to typeset formulas."""
        from nbconvert.filters.markdown_mistune import IPythonRenderer

        formulas = self

        class Renderer(IPythonRenderer):
            def block_math(self, body: str) -> str:
                return formulas.html(body, display=True)

            def inline_math(self, body: str) -> str:
                return formulas.html(body, display=False)

            def latex_environment(self, name: str, body: str) -> str:
                return formulas.html(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)

        return Renderer(escape=False, exclude_anchor_links=True)  # anchors would pass headings through an XML parser

    def _refused(self, latex: str, why: str) -> CaptureError:
        source = " ".join(latex.split())
        shown = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"
        return CaptureError(
            f"The formula “{shown}” can't be typeset: {why}.", where=self._exhibit.where, remedy=_REMEDY
        )


def _end(text: str, start: re.Match[str]) -> re.Match[str] | None:
    """Find what closes a formula, outside of braces."""
    name = start["environment"]
    closing = rf"\\end\s*\{{{re.escape(name)}\}}" if name else _CLOSING[start[0]]
    depth = 0
    for part in re.compile(rf"(?P<end>{closing})|\\.|[{{}}]", re.DOTALL).finditer(text, start.end()):
        if part["end"] and depth <= 0:
            return part
        depth += {"{": 1, "}": -1}.get(part[0], 0)
    return None
