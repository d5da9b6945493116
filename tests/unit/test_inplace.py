"""Blocks in ordinary Markdown: found where they are Markdown, left alone where they are code, filled to the byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from gpu_doc.errors import ReportError
from gpu_doc.text.in_place import fingerprints, overlooked, parse
from gpu_doc.text.prose import comments

START = '<!-- gpu-doc: shot("baseline/loss-curve") -->'
END = "<!-- gpu-doc: end -->"


def fill(text: str, *bodies: str) -> str:
    return parse(text).fill(bodies)


def test_a_block_on_lines_of_its_own() -> None:
    text = f"# T\n\n{START}\nold\nolder\n{END}\nafter"
    (block,) = parse(text).blocks
    assert (block.line, block.expression, block.body, block.inline) == (
        3,
        'shot("baseline/loss-curve")',
        "old\nolder",
        False,
    )
    assert fill(text, "![x](y.png)\n\n*z*\n") == f"# T\n\n{START}\n![x](y.png)\n\n*z*\n{END}\nafter"


def test_a_block_inside_a_line() -> None:
    text = "It reached <!-- gpu-doc: value('b/a')|percent -->92 %<!-- gpu-doc: end --> after five epochs.\n"
    (block,) = parse(text).blocks
    assert block.inline
    assert block.body == "92 %"
    assert fill(text, "93 %") == text.replace("92", "93")


def test_a_block_inside_a_line_takes_one_line() -> None:
    with pytest.raises(ReportError, match="inside a line") as caught:
        parse(f"a\nb {START}x{END} c", "docs/a.md").fill(["1\n2"])
    assert caught.value.where == "docs/a.md:2"
    assert caught.value.remedy


def test_a_block_alone_on_its_line_gets_lines() -> None:
    assert fill(f"{START}{END}\n", "![](a.png)") == f"{START}\n![](a.png)\n{END}\n"
    assert fill(f"- {START}{END}\n", "a\n\nb") == f"- {START}\n  a\n\n  b\n  {END}\n"


def test_two_blocks_in_one_line() -> None:
    text = f"a {START}1{END} b {START}2{END} c"
    assert fill(text, "x", "") == f"a {START}x{END} b {START}{END} c"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_bodies_follow_the_line_ending(newline: str) -> None:
    text = newline.join(["a", START, END, "b"])
    assert fill(text, "1\n2\r\n3") == newline.join(["a", START, "1", "2", "3", END, "b"])


def test_the_mark_of_byte_order_front_matter_tabs_and_a_missing_last_newline_stay() -> None:
    text = f"\ufeff---\ntitle: `x\n---\n\tcode\n\n{START}\n{END}\n\n a\t\f\u2028 b"
    assert fill(text, "x") == text.replace(f"{START}\n", f"{START}\nx\n")


def test_a_block_in_a_list_and_in_a_quote_stays_in_it() -> None:
    assert fill(f"1. a\n\n   {START}\n   {END}\n", "x\n\ny") == f"1. a\n\n   {START}\n   x\n\n   y\n   {END}\n"
    assert fill(f"> {START}\n> {END}\n", "x\n\ny") == f"> {START}\n> x\n>\n> y\n> {END}\n"
    assert fill(f"> - {START}\n>   {END}\n", "x\ny") == f"> - {START}\n>   x\n>   y\n>   {END}\n"


def test_an_expression_may_span_lines() -> None:
    (block,) = parse(f'<!-- gpu-doc: shot("a/b",\n  caption="`c`") -->\n{END}').blocks
    assert block.expression == 'shot("a/b",\n  caption="`c`")'


@pytest.mark.parametrize(
    "code",
    [
        f"```markdown\n{START}\n{END}\n```",
        f"~~~\n{START}\n~~~\n",
        f"````\n```\n{START}\n```\n````",
        f"- a\n\n  ```\n  {START}\n\n  {END}\n  ```\n",
        f"> ```\n> {START}\n> ```\n",
        f"> - ~~~ x\n>   {START}\n>   ~~~\n",
        f"text `{START}` text",
        f"text ``a ` {START}\nb`` text",
        f"text\n\n    {START}\n",
        f"\t{START}\n",
        f"- a\n\n      {START}\n",
        f"text \\{START}",
        f"---\ntitle: x\nnote: a {START}\n---\n",
        f"```\n{START}\nnever closed",
        f"<!-- not ours --> `{END}`",
    ],
)
def test_markers_in_code_are_text(code: str) -> None:
    assert parse(code).blocks == ()
    assert fill(code) == code
    with_block = f"{code}\n\n> a\n\n{START}\n{END}\n"
    if "never closed" not in code:
        assert len(parse(with_block).blocks) == 1


@pytest.mark.parametrize(
    "prose",
    [
        f"a ` b {START}x{END} c",
        f"a `b` {START}x{END} `c`",
        f"a\n    {START}x{END} goes on",
        f"- a\n\n    {START}\n    {END}\n",
        f"| a ` | {START}x{END} |\n| b ` | c |",
        f"# a ` {START}x{END}\n`",
        f"a `\n\n{START}\n{END}\n\n`",
        f"a `\n- {START}x{END} `",
        f"```\ncode\n```\n{START}\n{END}\n",
        f"> ```\n{START}\n{END}\n",
        f"---\n\na {START}x{END} b\n\n---\n",
        f"\\\\{START}x{END}",
    ],
)
def test_markers_in_prose_are_markers(prose: str) -> None:
    assert len(parse(prose).blocks) == 1


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (f"a\n\n{START}\nx\n", 3, "not closed"),
        (f"a\n{END}\n", 2, "never began"),
        (f"{START}\n\n{START}\n{END}\n", 1, "another one begins on line 3"),
        ("a\n<!-- gpu-doc: shot(\n", 2, "not closed"),
        (f'<!-- gpu-doc: shot("x")\n{END}\n', 1, "marker is not closed"),
        (f"<!-- gpu-doc: -->\n{END}", 1, "asks for nothing"),
        (f"{START}\n```\n{END}\n```\n{END}\n", 1, "in code on line 3"),
    ],
)
def test_markers_that_do_not_pair(text: str, line: int, what: str) -> None:
    with pytest.raises(ReportError, match=what) as caught:
        parse(text, "docs/a.md")
    assert caught.value.where == f"docs/a.md:{line}"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "opens", ["!!! note", '!!! warning "A title"', "??? info", "???+ tip inline end", '=== "Tab"', '===+ "Tab"']
)
@pytest.mark.parametrize("gap", ["", "\n"])
def test_a_block_in_an_admonition_or_a_tab_of_mkdocs_is_found(opens: str, gap: str) -> None:
    text = f"Text.\n\n{opens}\n{gap}    Before.\n\n    {START}\n    {END}\n\nAfter.\n"
    assert fill(text, "x\n\ny") == text.replace(f"    {END}", f"    x\n\n    y\n    {END}")


def test_admonitions_may_stand_in_each_other_and_hold_code() -> None:
    code = f"    ```\n    {START}\n    ```\n\n        {START}\n"
    text = f'=== "One"\n\n    !!! note\n\n        {START}\n        {END}\n\n{code}'
    (block,) = parse(text).blocks
    assert block.prefix == " " * 8
    assert fill(f"- a\n\n    !!! note\n\n        {START}\n        {END}\n", "x").count("        x\n") == 1
    assert parse(f"!!! note\n\nText.\n\n    {START}\n").blocks == (), "the admonition has ended: it is code"


def test_a_table_in_a_list_or_quote_keeps_the_empty_lines_that_python_markdown_needs() -> None:
    table = "| a |\n| --- |\n| 1 |"
    assert fill(f"> {START}\n> {END}\n", table) == f"> {START}\n>\n> | a |\n> | --- |\n> | 1 |\n>\n> {END}\n"
    once = fill(f"- x\n\n  {START}\n  {END}\n", table)
    assert once == f"- x\n\n  {START}\n\n  | a |\n  | --- |\n  | 1 |\n\n  {END}\n"
    assert fill(once, table) == once
    assert parse(once).blocks[0].body == table
    assert fill(f"{START}\n{END}\n", table) == f"{START}\n{table}\n{END}\n", "where there is no list, as before"


def test_a_block_in_a_row_of_a_table_ends_no_cell() -> None:
    row = "| acc | <!-- gpu-doc: value('b/a')\\|percent -->92 %<!-- gpu-doc: end --> |\n"
    text = f"| a | b |\n| --- | --- |\n{row}"
    (block,) = parse(text).blocks
    assert block.expression == "value('b/a')|percent"
    filled = fill(text, "a|b \\| c")
    assert filled == text.replace("92 %", "a\\|b \\| c"), "what is escaped already is left alone"
    assert fill(filled, "a|b \\| c") == filled
    assert fill(f"> {row}", "1|2") == f"> {row}".replace("92 %", "1\\|2")


def test_a_pipe_that_ends_the_cell_of_its_own_marker_is_refused() -> None:
    with pytest.raises(ReportError, match="begins the next cell") as caught:
        parse("| a |\n| --- |\n| <!-- gpu-doc: value('b/a')|percent -->92 %<!-- gpu-doc: end --> |\n", "docs/a.md")
    assert caught.value.where == "docs/a.md:3"
    assert "\\|" in str(caught.value.remedy)
    (block,) = parse("a <!-- gpu-doc: value('b/a')|percent -->92 %<!-- gpu-doc: end --> | b\n").blocks
    assert block.expression == "value('b/a')|percent", "no row of a table"


def test_what_fills_a_block_cannot_end_it() -> None:
    text = f"{START}\n{END}\nafter\n"
    hostile = f"```\n{END}\n{START}\n```"
    once = fill(text, hostile)
    assert once.endswith(f"```\n{END}\nafter\n")
    assert len(parse(once).blocks) == 1
    assert fill(once, hostile) == once
    assert once.replace("\u200b", "") == f"{START}\n{hostile}\n{END}\nafter\n"


@pytest.mark.parametrize("body", ["```\nopen", "~~~", "<!--"])
def test_what_would_swallow_the_last_marker_is_refused(body: str) -> None:
    with pytest.raises(ReportError, match="swallow"):
        fill(f"{START}\n{END}\n", body)


def test_a_backslash_at_the_end_of_an_inline_body_does_not_escape_the_marker() -> None:
    text = fill(f"a {START}x{END} b", "C:\\")
    assert parse(text).blocks[0].body == "C:\\\\"
    assert fill(text, "C:\\") == text


def test_fingerprints_depend_on_bodies_only() -> None:
    before = fingerprints(f"a {START}x{END} b {START}y{END} c")
    after = fingerprints(f"changed\n\n{START}x{END} b {START}z{END} c")
    assert [line for line, _, _ in after] == [3, 3]
    assert before[0][1:] == after[0][1:]
    assert before[1][2] != after[1][2]


# --- properties ------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "```", "````", "~~~", "`", "``", "\n", "\n\n", "\r\n", "\n    ", "\n\t", "> ", "\n> ", "- ", "\n- ", "\n  ",
        "\n1. ", "10) ", "# ", "\n***\n", "\n---\n", "| a | b |\n", "text", " word ", "<!-- note -->", "\\",
        "\n\n  - ", "\n>   ", "\u2028", "\x0c", "\x85", "é", "\ufeff",
    ]
)  # fmt: skip
MARKDOWN = st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join)
LINE = st.text(st.characters(exclude_characters="\r\n`~<\\", codec="utf-8"), max_size=12)
BODY = st.lists(LINE, max_size=4).map(lambda lines: "\n".join(lines).strip("\n"))


@given(MARKDOWN)
@example("\ufeff---\na: b\n---")
def test_markdown_without_markers_passes_through(text: str) -> None:
    assume("gpu-doc" not in text)
    document = parse(text)
    assert document.blocks == ()
    assert document.fill([]) == text


@given(MARKDOWN, BODY, BODY, MARKDOWN, st.sampled_from(["\n\n", "\r\n\r\n"]))
def test_filling_touches_nothing_else_and_is_read_back(before: str, old: str, new: str, after: str, gap: str) -> None:
    nl = gap[: len(gap) // 2]
    head, tail = f"{before}{gap}{START}{nl}", f"{nl}{END}{nl}{after}"
    text = head + old.replace("\n", nl) + tail
    try:
        document = parse(text)
    except ReportError:  # `before` may have opened a comment
        reject()
    assume(len(document.blocks) == 1)  # or code
    (block,) = document.blocks
    assume(block.prefix == "")
    filled = document.fill([new])
    assert filled.startswith(head)
    assert filled.endswith(f"{END}{nl}{after}")
    assert parse(filled).blocks[0].body == new
    assert parse(filled).fill([new]) == filled


@given(MARKDOWN)
def test_prose_is_what_a_commonmark_parser_says_it_is(text: str) -> None:
    """Put a comment into a line of Markdown: markdown-it sees HTML exactly where we see a comment.

    Not at the start of a line, which makes all of that line HTML: code in it is still code for us.
    """
    from markdown_it import MarkdownIt

    text = re.sub(r"\r\n?|[\x00\u2028\x0b\x0c\x85\ufeff]|<!-- note -->", " ", text)
    assume("<" not in text and not text.startswith(("---", "+++")))
    assume("[" not in text)  # a link's definition is no paragraph: a difference that does not matter here
    marked = text.replace("word", "w <!-- gpu-doc: end -->")
    tokens = MarkdownIt("commonmark").parse(marked)
    html = [t.content for token in tokens for t in [token, *(token.children or [])] if t.type.startswith("html")]
    expected = sum(content.count("<!-- gpu-doc: end -->") for content in html)
    found = sum(1 for start, _ in comments(marked) if marked.startswith("<!-- gpu-doc", start))
    assert found == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{START}\n{END}\n\n    {START}\n    {END}\n", 4),
        (f"Text.\r\n\r\n\t{START}\r\n\t{END}\r\n", 3),
        (f"- item\n\n      {START}x{END}\n", 3),
        (f"- item\n\n  {START}\n  {END}\n", 0),
        (f"!!! note\n\n    {START}\n    {END}\n", 0),
        (f"```\n\n    {START}\n    {END}\n```\n", 0),
        ("Text.\n\n    <!-- a comment -->\n", 0),
    ],
)
def test_a_block_that_is_indented_as_code_is_noticed(text: str, line: int) -> None:
    assert overlooked(text) == line
