"""Data frames and CSV as Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.errors import ReportError
from gpu_doc.functions.compare import best_of, comparison, short_number, short_numbers
from gpu_doc.functions.shared.html_tables import Rows, from_html
from gpu_doc.functions.table import from_csv, written
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json


def test_numbers_stand_at_the_right() -> None:
    rows = Rows(("", "name", "loss", "share", "none"), (("0", "a", "1e-4", "92 %", ""), ("1", "b", "NaN", "-1.5", "-")))
    assert written(rows).markdown.splitlines() == [
        "|  | name | loss | share | none |",
        "| ---: | --- | ---: | ---: | --- |",
        "| 0 | a | 1e-4 | 92 % |  |",
        "| 1 | b | NaN | -1.5 | - |",
    ]


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), min_size=1, max_size=4))
def test_whatever_cells_hold_the_table_keeps_its_shape(cells: list[list[str]]) -> None:
    """Read back by a Markdown parser, there are as many cells, and their text is what it was, but for white space."""
    from bs4 import BeautifulSoup
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").enable("table").render(written(Rows(("a", "b"), tuple(map(tuple, cells)))).markdown)
    shown = [cell.get_text() for cell in BeautifulSoup(html, "html.parser").find_all("td")]
    controls = dict.fromkeys([*range(32), *range(127, 160), 8232, 8233], " ")
    assert [" ".join(text.split()) for text in shown] == [
        " ".join(text.translate(controls).split()) for row in cells for text in row
    ]


def test_a_data_frame() -> None:
    html = """<div><style>x</style><table border="1" class="dataframe"><thead><tr style="text-align: right;">
    <th></th><th>val_loss</th><th>a|b</th></tr></thead><tbody><tr><th>0</th><td>1.5</td><td>&lt;b&gt;x</td></tr>
    <tr><th>1</th><td>NaN</td><td>two<br>lines</td></tr></tbody></table><p>2 rows</p></div>"""
    rows = from_html(html)
    assert rows == Rows(("", "val_loss", "a|b"), (("0", "1.5", "<b>x"), ("1", "NaN", "two lines")))
    assert written(rows).markdown.splitlines()[2:] == [
        "| 0 | 1.5 | &lt;b&gt;x |",
        "| 1 | NaN | two lines |",
    ]


def test_levels_of_columns_and_of_the_index() -> None:
    html = """<table><thead><tr><th></th><th colspan="2" halign="left">loss</th></tr><tr><th></th><th>mean</th>
    <th>std</th></tr><tr><th>lr</th><th></th><th></th></tr></thead><tbody>
    <tr><th rowspan="2">0.1</th><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></tbody></table>"""
    assert from_html(html) == Rows(("lr", "loss / mean", "loss / std"), (("0.1", "1", "2"), ("", "3", "4")))


def test_hostile_spans_do_not_fill_the_memory() -> None:
    rows = from_html('<table><tr><th colspan="99999999" rowspan="99999999">x</th></tr><tr><td>1</td></tr></table>')
    assert rows is not None
    assert len(rows.head) == 1000


def test_titles_and_notes_of_great_tables_are_no_rows() -> None:
    recorded = Path(__file__).parents[1] / "integration" / "recorded" / "great-tables.html"
    rows = from_html(recorded.read_text("utf-8"))
    assert rows is not None
    assert (rows.titles, rows.notes) == (("Head", "sub"), ("note",))
    assert rows.head == ("", "Spanner / num", "Spanner / char", "currency")
    assert rows.rows[1] == ("row_1", "0.1111", "apricot", "49.95")


def test_the_caption_of_a_styler_stands_above_the_table() -> None:
    table = (
        "<table><caption>Loss, 5 % <b>best</b></caption><thead><tr><th>a</th></tr></thead><tr><td>1</td></tr></table>"
    )
    assert from_html(table) == Rows(("a",), (("1",),), titles=("Loss, 5 %  best",))


def itables(**arguments: str) -> str:
    said = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in arguments.items())
    waiting = "<table><tbody><tr><td>Loading ITables v2.9.1 from the internet...</td></tr></tbody></table>"
    return f"{waiting}<script type=module>let dt_args = {{{said}}}; new ITable(table, dt_args);</script>"


HEAD = "<table><thead><tr><th></th><th>a</th></tr></thead></table>"


def test_the_rows_of_itables_are_data_of_its_script() -> None:
    data = [["i", ["1.5", 1.5]], ["&lt;j&gt;", None], ["<a href=x>k</a>", 3]]
    html = itables(data_json=json.dumps(data), table_html=HEAD, caption="A &amp; B")
    assert from_html(html) == Rows(("", "a"), (("i", "1.5"), ("<j>", ""), ("k", "3")), titles=("A & B",))


@pytest.mark.parametrize(
    ("html", "what"),
    [
        (
            itables(data_json="[]", table_html=HEAD, downsampling_warning="<a>downsampled</a> from 9 rows"),
            "from 9 rows",
        ),
        (itables(data_json="nonsense", table_html=HEAD), "by a script"),
        (itables(data_json="5", table_html=HEAD), "by a script"),
        (itables(), "by a script"),
    ],
)
def test_a_part_of_a_table_is_none(html: str, what: str) -> None:
    with pytest.raises(ReportError, match=what):
        from_html(html)


def test_html_without_a_table() -> None:
    assert from_html("<p>no</p>") is None


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"a,b\n1,x\n", "x.csv"),
        (b"\xef\xbb\xbfa;b\r\n1;x\r\n", "x.csv"),
        (b"a\tb\n1\tx", "x.tsv"),
        (b'a,b\n\n"1",x\n', "x.csv"),
    ],
)
def test_csv(content: bytes, path: str) -> None:
    assert from_csv(content, path) == Rows(("a", "b"), (("1", "x"),))


@pytest.mark.parametrize(
    ("content", "head"),
    [
        (b'"loss; train; val",acc\n1,2\n', ("loss; train; val", "acc")),
        (b'"a, ""b"", c";d\n1;2\n', ('a, "b", c', "d")),
        (b'"two; of\nthem; or; more",b\n1,2\n', ("two; of\nthem; or; more", "b")),
    ],
)
def test_delimiters_inside_quotes_are_none(content: bytes, head: tuple[str, ...]) -> None:
    assert from_csv(content, "x.csv") == Rows(head, (("1", "2"),))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("$x_1$", "<span>&#36;</span>x_1<span>&#36;</span>"),
        ("$5", "$5"),
        (":smile:", "<span>:</span>smile:"),
        ("a :+1: b", "a <span>:</span>+1: b"),
        ("12:30:45 x::y", "12:30:45 x::y"),
        ("H~2~O", "H&#126;2&#126;O"),
        ("a & b, &lt;", "a & b, &amp;lt;"),
        ("--lr ----", "-<span>-</span>lr -<span>-</span>-<span>-</span>"),
        ("\\\\host\\share", r"\\<span>\\</span>host\\share"),
        ("x {.red} {{ y }} f{a}", "x &#123;.red} &#123;{ y }} f{a}"),
        ("a == b, ==c==", "a &#61;= b, &#61;=c=="),
        ("g++ ++ctrl+c++", "g++ &#43;+ctrl+c++"),
        ("x^2^, 2^n", "x&#94;2&#94;, 2^n"),
        ("(https://e.org/~me/?a=1&b=*).", "(<https://e.org/~me/?a=1&b=>\\*)."),
        ("https://e.org/a", "https://e.org/a"),
    ],
)
def test_what_only_some_sites_read_in_a_cell_stays_text(text: str, shown: str) -> None:
    """Of GitHub, MkDocs, Sphinx and their extensions; tests/e2e/test_sites.py asks them themselves."""
    table = written(Rows((text,), ()))
    assert table.markdown.splitlines()[0] == f"| {shown} |"
    assert table.cells[0][0].text == text


@pytest.mark.parametrize(("content", "what"), [(b"", "is empty"), (b"a\xff", "not UTF-8")])
def test_what_is_no_csv(content: bytes, what: str) -> None:
    with pytest.raises(ReportError, match=what):
        from_csv(content, "x.csv")


# --- comparisons -----------------------------------------------------------------------------------------------------


def points(*values: str) -> list[Run]:
    return [Run(report="a", name="s", address=f"s[lr={v}]", line=1, point={"lr": v}) for v in values]


def test_the_best_value_is_bold() -> None:
    columns: dict[str, Sequence[Json]] = {"acc": [0.91239, 0.9], "loss": [1, 2]}
    table = comparison(points("0.1", "0.01"), columns, {"acc": "max", "loss": "min"})
    assert table.markdown.splitlines() == [
        "| lr | acc | loss |",
        "| ---: | ---: | ---: |",
        "| 0.1 | **0.9124** | **1** |",
        "| 0.01 | 0.9000 | 2 |",
    ]


@pytest.mark.parametrize("values", [[0.5, 0.5], ["a", "b"], [float("nan"), float("nan")], [True, False]])
def test_nothing_is_best_where_there_is_no_choice(values: list[object]) -> None:
    assert "**" not in comparison(points("a", "b"), {"x": values}, {"x": "max"}).markdown


def test_nothing_is_best_where_nobody_says_what_is() -> None:
    assert "**" not in comparison(points("a", "b"), {"width": [1, 2]}, {"width": best_of("width", None)}).markdown


def test_a_value_that_is_not_finite_is_never_best() -> None:
    table = comparison(points("1", "2", "3"), {"x": [float("nan"), 1.0, 2.0]}, {"x": "max"}).markdown
    assert "| **2** |" in table
    assert "| nan |" in table


@pytest.mark.parametrize(
    ("name", "wanted", "best"),
    [
        ("accuracy", None, "max"),
        ("test-loss", None, "min"),
        ("val_error", None, "min"),
        ("mistakes", None, "min"),
        ("train time", None, "min"),
        ("f1-score", None, "max"),
        ("val_acc", None, "max"),
        ("tokens_per_second", None, "max"),
        ("timeliness", None, None),
        ("width", None, None),
        ("accuracy loss", None, None),
        ("width", "max", "max"),
        ("loss", "max", "max"),
        ("accuracy", {"accuracy": "min"}, "min"),
        ("loss", {"accuracy": "min"}, "min"),
    ],
)
def test_what_is_best_depends_on_the_name(name: str, wanted: object, best: str | None) -> None:
    assert best_of(name, wanted) == best


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (123456.7, "123457"),
        (3, "3"),
        (3.0, "3"),
        (1e-7, "1e-07"),
        (None, ""),
        ("x", "x"),
        (0.0, "0"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_in_comparisons_are_short(value: object, shown: str) -> None:
    assert short_number(value) == shown


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.371, 0.9762], ["0.3710", "0.9762"]),
        ([0.05123456, 0.100412], ["0.05123", "0.10041"]),
        ([-1.5, 0.0, 12.25], ["-1.50", "0.00", "12.25"]),
        ([1.0, 20.0], ["1", "20"]),
        ([0.5, None, "n/a", float("nan")], ["0.5", "", "n/a", "nan"]),
        ([1, 0.25], ["1", "0.25"]),
        ([0.0001234, 250.5], ["0.0001234", "250.5"]),
        ([1e-7, 0.5], ["1e-07", "0.5"]),
        ([True, False], ["True", "False"]),
        ([], []),
    ],
)
def test_fractions_of_a_column_have_the_same_decimals(values: list[object], shown: list[str]) -> None:
    assert short_numbers(values) == shown
