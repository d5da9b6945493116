"""Formulas: LaTeX to SVG by MathJax, as Jupyter typesets it; found where Jupyter finds it.

MathJax comes with the package django-static-mathjax, of which only that one script is used, and runs in Chromium
(templates/typeset.js). It draws paths: no font of the machine is needed, and no script is left in the page.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
"""Delimiters without an end in one text: more of them mean something else."""
_SHOWN = 60
_START = re.compile(r"\\(?P<escaped>[\\$])|\$\$?|\\[(\[]|\\begin\s*\{(?P<environment>[a-zA-Z]+\*?)\}")
_CLOSING = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_PART = re.compile(r"\\end\s*\{(?P<name>[a-zA-Z]+\*?)\}|(?P<escaped>\\.)|\$+|[{}]", re.DOTALL)
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
        ends = _Ends(text)
        while start := _START.search(text, at):
            at = start.end()
            end = None if start["escaped"] else ends.after(start)
            if start["escaped"] == "$":
                yield text[done : start.start()] + "$", None
                done = at
            elif end:
                yield text[done : start.start()], None
                environment = start["environment"] is not None
                inside = slice(start.start(), end[1]) if environment else slice(start.end(), end[0])
                yield text[inside], environment or start[0] in ("$$", r"\[")
                at = done = end[1]
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


class _Ends:
    """What may close a formula in a text, found in one walk: else each formula that begins would cost another one."""

    def __init__(self, text: str) -> None:
        self._depths: tuple[list[int], list[int]] = ([0], [0])
        """Of braces: where a depth begins, and that depth."""
        self._closing: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        """By what they close: begin, end and depth."""
        depth = 0
        for part in _PART.finditer(text):
            begin, end = part.span()
            if part[0] in ("{", "}"):
                depth += 1 if part[0] == "{" else -1
                self._depths[0].append(end)
                self._depths[1].append(depth)
            elif part[0].startswith("$"):
                self._closing["$"] += [(place, place + 1, depth) for place in range(begin, end)]
                self._closing["$$"] += [(place, place + 2, depth) for place in range(begin, end - 1)]
            else:
                self._closing[part["name"] or part[0]].append((begin, end, depth))
        self._further = {kind: _further([depth for *_, depth in all_]) for kind, all_ in self._closing.items()}

    def after(self, start: re.Match[str]) -> tuple[int, int] | None:
        """Find what closes a formula, outside of braces: where it begins and ends."""
        kind = start["environment"] or _CLOSING[start[0]]
        depth = self._depths[1][bisect_right(self._depths[0], start.end()) - 1]
        found = self._closing.get(kind, [])
        at = bisect_left(found, (start.end(),))
        further, least = self._further.get(kind, ([], []))
        if at == len(found) or least[at] > depth:
            return None
        while found[at][2] > depth:
            at = further[at]
        return found[at][:2]


def _further(depths: Sequence[int]) -> tuple[list[int], list[int]]:
    """For each place, the next one that is less deep, and the least depth from there on."""
    further, least = [len(depths)] * len(depths), [0] * len(depths)
    for place in range(len(depths) - 1, -1, -1):
        least[place] = min([depths[place], *least[place + 1 : place + 2]])
        at = place + 1
        while at < len(depths) and depths[at] >= depths[place]:
            at = further[at]
        further[place] = at
    return further, least
