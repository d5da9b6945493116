"""Formulas: where they are found in LaTeX and in Markdown, and what is refused before MathJax is asked."""

from __future__ import annotations

import time

import pytest
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from gpu_doc.errors import CaptureError
from gpu_doc.model.location import Location
from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures.formulas import Formula, Formulas, script

EXHIBIT = Exhibit(kind="output", width=880, scale=2, name="run/cell", location=Location("n.ipynb", cell=3))


class Typesetter:
    """Draws the source itself, and does not know \\foo."""

    def __init__(self) -> None:
        self.asked: list[Formula] = []

    def __call__(self, formula: Formula) -> dict[str, str]:
        self.asked.append(formula)
        if r"\foo" in formula.latex:
            return {"error": r"Undefined control sequence \foo"}
        return {"svg": f"[{formula.latex}]"}


def found(text: str) -> list[tuple[str, bool]]:
    """The formulas in an output of text/latex, and whether each stands by itself."""
    parts = Formulas(EXHIBIT, Typesetter()).found(text)
    return [(part, display) for part, display in parts if display is not None]


def in_markdown(text: str) -> list[tuple[str, bool]]:
    typesetter = Typesetter()
    MarkdownWithMath(renderer=Formulas(EXHIBIT, typesetter).renderer()).render(text)
    return [(formula.latex, formula.display) for formula in typesetter.asked]


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("x^2", []),
        ("$x$ and $$y$$", [("x", False), ("y", True)]),
        (r"\(x\) and \[y\]", [("x", False), ("y", True)]),
        (r"a \begin{align*}b\\c\end{align*} d", [(r"\begin{align*}b\\c\end{align*}", True)]),
        (r"$\displaystyle x^{2}$", [(r"\displaystyle x^{2}", False)]),
        (r"costs \$5, $x$", [("x", False)]),
        (r"$a \$ b$", [(r"a \$ b", False)]),
        (r"$x \text{ if $y$ or } z$", [(r"x \text{ if $y$ or } z", False)]),
        (r"\\(x\\)", []),
        ("one $ alone", []),
        (r"\begin{a}\begin{b}x\end{b}", [(r"\begin{b}x\end{b}", True)]),
    ],
)
def test_formulas_in_latex_are_found_as_mathjax_finds_them(text: str, formulas: list[tuple[str, bool]]) -> None:
    assert found(text) == formulas


def test_text_around_formulas_stays_text() -> None:
    html = Formulas(EXHIBIT, Typesetter()).latex(r"<b> \$5 $x$ & \\ $ y")
    assert html == r'<div>&lt;b&gt; $5 <span data-gpu-doc-formula="inline">[x]</span> &amp; \\ $ y</div>'


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$x$ `$y$` $$z$$", [("x", False), ("z", True)]),
        ("```\n$x$\n```\n\n    $y$\n", []),
        (r"costs \$5 and \$6", []),
        ("costs $5 and $6", [("5 and ", False)]),
        ("costs $5", []),
        ("# $x_1$ and *$a_b$*", [("x_1", False), ("a_b", False)]),
        ("\\begin{equation}\nx\n\n+y\\end{equation}", [("\\begin{equation}\nx\n\n+y\\end{equation}", True)]),
        ("| $x$ | 3 |\n|---|---|\n| $y$ | 4 |", [("x", False), ("y", False)]),
    ],
)
def test_formulas_in_markdown_are_found_as_jupyter_finds_them(text: str, formulas: list[tuple[str, bool]]) -> None:
    assert in_markdown(text) == formulas


def test_a_formula_in_a_heading_is_not_lost() -> None:
    html = MarkdownWithMath(renderer=Formulas(EXHIBIT, lambda _: {"svg": "<svg></svg>"}).renderer()).render("# a $x$")
    assert "<svg></svg>" in html


def test_what_cannot_be_typeset_is_told_with_its_place_and_a_remedy() -> None:
    with pytest.raises(CaptureError) as failure:
        Formulas(EXHIBIT, Typesetter()).latex(r"$x$ and $\foo{y}$")
    assert failure.value.what == (
        r"The formula “\foo{y}” can't be typeset: MathJax says “Undefined control sequence \foo”."
    )
    assert failure.value.location == EXHIBIT.location
    assert "image" in failure.value.remedy
    assert "text()" in failure.value.remedy


def test_definitions_reach_the_next_formulas_of_their_exhibit_only() -> None:
    typesetter = Typesetter()
    Formulas(EXHIBIT, typesetter).latex(r"$\newcommand{\R}{\mathbb{R}}$ $x \in \R$")
    Formulas(EXHIBIT, typesetter).latex("$y$")
    assert [len(formula.before) for formula in typesetter.asked] == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"${'x' * 20_000}$", "longer than 10,000 characters"),
        ("$x$ " * 3000, "more than 2,000 formulas"),
        (r"\begin{a}" * 5_000, "more than 100 formulas begin in it that don't end"),
        (rf"$\def\a{{{'x' * 9000}}}$ ${'y' * 2000}$", "longer than 10,000 characters"),
    ],
    ids=["a long one", "many", "many without an end", "a long definition"],
)
def test_what_would_take_too_long_is_refused(text: str, why: str) -> None:
    with pytest.raises(CaptureError, match=why) as failure:
        Formulas(EXHIBIT, Typesetter()).latex(text)
    assert len(failure.value.what) < 200


@pytest.mark.parametrize("text", ["${" * 225_000, "{" * 150_000 + "$}" * 150_000, "$}" * 225_000])
def test_a_text_is_walked_through_once(text: str) -> None:
    """Not once for each formula that begins in it: a hundred walks took nine seconds."""
    started = time.process_time()
    with pytest.raises(CaptureError):
        Formulas(EXHIBIT, Typesetter()).latex(text)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        (r"${$}$ $x$", [("{$}", False), ("x", False)]),
        (r"{$}x$", [("}x", False)]),
        (r"$$a$b$$$", [("a$b", True)]),
        (r"\(a{\)}b\)", [(r"a{\)}b", False)]),
        (r"\begin{a}\end{b}{\end{a}}\end {a}", [(r"\begin{a}\end{b}{\end{a}}\end {a}", True)]),
        (r"$a\$b{{}$c$", [("c", False)]),
    ],
)
def test_a_formula_ends_outside_of_its_braces(text: str, formulas: list[tuple[str, bool]]) -> None:
    found = [(part, display) for part, display in Formulas(EXHIBIT, Typesetter()).found(text) if display is not None]
    assert found == formulas


def test_mathjax_is_installed() -> None:
    assert script().stat().st_size > 1_000_000
