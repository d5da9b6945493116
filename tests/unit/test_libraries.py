"""Which scripts an output is given."""

from __future__ import annotations

import pytest

from gpu_doc.pictures.formulas import script
from gpu_doc.pictures.libraries import Libraries

BRINGS = "/* plotly.js v4.0.0 */"


@pytest.mark.parametrize(
    ("content", "given"),
    [
        (r'Plotly.newPlot("p", {"text": "$\\alpha$"})', True),
        ("Plotly.newPlot('p', {text: '$x$'})", True),
        ('Plotly.newPlot("p", {"text": "from $5 to $7"})', False),
        ('Plotly.newPlot("p", ["$", "$$", "a"])', False),
        ('Plotly.newPlot("p", ["$5", "$7"])', False),
        (r'show({"text": "$\\alpha$"})', False),
    ],
)
def test_mathjax_is_given_to_figures_with_a_label_that_is_a_formula(content: str, *, given: bool) -> None:
    tags = Libraries([], {}, lambda: None).tags(BRINGS + content)
    assert ("MathJax" in tags) is given
    if given:
        address = tags.partition('<script src="')[2].partition('"')[0]
        assert Libraries([], {}, lambda: None).at(address) == script().read_bytes()
