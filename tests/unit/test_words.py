from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gpu_doc.action.job_summary import job_summary
from gpu_doc.errors import GpuDocError, RunError
from gpu_doc.model.changes import PictureChange, ReportChange, TextChange, ValueChange
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.publishing import Published
from gpu_doc.model.results import Result
from gpu_doc.plan.plan import Plan, ReportPlan, RunPlan
from gpu_doc.publish import words
from gpu_doc.text.github_markdown import one_line
from gpu_doc.text.numbers import in_words

PLACE = words.PictureLinks(
    server_url="https://git.example.org",
    repository="owner/name",
    before_sha="a" * 40,
    after_sha="b" * 40,
    root_prefix=".",
)
RUN_URL = "https://git.example.org/owner/name/actions/runs/1"
ZERO_WIDTH = "\N{ZERO WIDTH SPACE}"


def change(text: str = "docs/a.md") -> ReportChange:
    return ReportChange(
        path=text,
        kind="changed",
        lines=(3, 1),
        values=(ValueChange(name=text, before=text, after=0.5), ValueChange(name="b", before=0.5, after=0.75)),
        pictures=(PictureChange(before=f"docs/{text}.png", after=f"docs/{text}.png", name=text),),
        texts=(TextChange(name=text, lines=(1, 2)),),
        why=(text, "b"),
        commits=("1" * 40,),
        environment=(("Image", text), ("Device", "CPU")),
    )


def body(changes: Sequence[ReportChange], failures: Sequence[str] = (), place: words.PictureLinks = PLACE) -> str:
    about = words.About(configuration="gpu-doc.yml", base="main", run_url=RUN_URL)
    return words.pull_request_body(changes, place=place, about=about, failures=failures)


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.9511111, 0.9755555555555555, ("0.9511", "0.9756", "+0.0244 (+2.57 %)")),
        (148, 11, ("148", "11", "\u2212137 (\u221292.6 %)")),
        (99.5, 99.6, ("99.5", "99.6", "+0.100 (+0.10 %)")),
        (-5, 5, ("-5", "5", "+10 (+200 %)")),
        (0, 5, ("0", "5", "+5")),
        (0.001234, 5000.0, ("0.00123", "5000", "+5000 (more than a million %)")),
        (0.1, 0.1000000000001, ("0.1", "0.1000000000001", "+1.00e-13 (less than 0.001 %)")),
        (5e-324, 1e308, ("5e-324", "1e+308", "+1.00e+308 (more than a million %)")),
        (10**400, 10**400 + 1, ("1.000000e+400", "1.000000e+400", "+1 (less than 0.001 %)")),
        (None, 0.9755555555555555, ("", "0.975556", "new")),
        (0.5, None, ("0.5", "", "gone")),
        (float("nan"), 0.3, ("nan", "0.3", "")),
        (float("inf"), 1.0, ("inf", "1.0", "")),
        (True, False, ("true", "false", "")),
        (1, 1.0, ("1", "1.0", "")),
        ("ResNet", "ViT", ("ResNet", "ViT", "")),
        ("", "x", ('""', "x", "")),
        ({"a": [1]}, None, ('{"a": [1]}', "", "gone")),
    ],
)
def test_a_difference_is_said_with_sensible_digits(before: object, after: object, said: tuple[str, str, str]) -> None:
    assert in_words(before, after) == said


def test_numbers_of_any_length_are_said() -> None:
    assert in_words(10**6000, 3) == ("1.000000e+6000", "3", "\u22121.00e+6000 (\u2212100 %)")


@given(st.one_of(st.integers(), st.floats()), st.one_of(st.integers(), st.floats()))
def test_numbers_that_differ_never_look_the_same(before: float, after: float) -> None:
    first, second, difference = in_words(before, after)
    if difference:
        assert first != second or max(abs(before), abs(after)) >= 10**25
        assert difference.startswith("+" if after > before else "\N{MINUS SIGN}")


def test_a_pull_request_shows_values_and_pictures_of_both_commits() -> None:
    made = body([change()], ["docs/b.md: run sweep failed in cell 3"])
    assert made.splitlines()[0] == "<!-- gpu-doc-action pull-request: gpu-doc.yml main -->"
    assert "| `b` | `0.5` | `0.75` | +0.250 (+50.0 %) |" in html.unescape(made)
    for side, sha in (("before", PLACE.before_sha), ("after", PLACE.after_sha)):
        url = f"https://git.example.org/owner/name/blob/{sha}/docs/docs/a.md.png?raw=true"
        assert f"![{side}]({url})" in made
    assert "3 lines added, 1 removed" in made
    assert "| Image | `docs/a.md` |" in made
    assert "run sweep failed in cell 3" in made
    assert f"[this run]({RUN_URL})" in made


def test_a_picture_that_is_new_or_gone_has_one_side_only() -> None:
    pictures = (
        PictureChange(before=None, after="docs/a b/ü#.png", name="new one"),
        PictureChange(before="docs/old.png", after=None, name="old one"),
    )
    made = body([ReportChange(path="docs/a.md", kind="changed", pictures=pictures)])
    assert f"| *new* | ![after](https://git.example.org/owner/name/blob/{'b' * 40}/docs/a%20b/%C3%BC%23.png" in made
    assert re.search(r"!\[before\]\(\S+old\.png\?raw=true\) \| \*gone\* \|", made)


def test_paths_are_told_from_the_top_of_the_repository() -> None:
    place = words.PictureLinks(
        server_url="https://x", repository="o/n", before_sha="a", after_sha="b", root_prefix="sub folder"
    )
    made = body([change()], place=place)
    assert "`sub folder/docs/a.md`" in made
    assert "https://x/o/n/blob/b/sub%20folder/docs/docs/a.md.png?raw=true" in made


def test_without_a_known_server_pictures_are_named_and_the_reason_said() -> None:
    place = words.PictureLinks(server_url="", repository="", before_sha="a", after_sha="b", root_prefix="")
    made = body([change()], place=place)
    assert "Pictures can't be shown here" in made
    assert "Pictures: `docs/a.md` (changed)" in made
    assert "![" not in made


def test_a_report_that_reads_as_before_says_so() -> None:
    assert "Only `evidence.json` changed" in body([ReportChange(path="docs/a.md", kind="changed")])


def test_it_says_why_from_which_commit_and_what_of_tables_and_texts_changed() -> None:
    made = body([change()])
    assert "Why: docs/a.md; b." in made
    assert "Made from [`111111111111`](https://git.example.org/owner/name/commit/" + "1" * 40 in made
    assert f"### [`docs/a.md`](https://git.example.org/owner/name/blob/{PLACE.after_sha}/docs/a.md)" in made
    assert "- `docs/a.md`: 1 line added, 2 removed" in made
    moved = ReportChange(path="a.md", kind="changed", lines=(1, 1), texts=(TextChange(name="x", lines=(0, 0)),))
    assert "its lines are in another order" in body([moved])
    assert "what it shows of its runs is the same" in body([ReportChange(path="a.md", kind="changed", lines=(1, 1))])


def test_it_says_what_failed_what_is_older_and_since_when() -> None:
    older = [
        words.Older(path="docs/b.md", commit="4" * 40, made="2026-11-19"),
        words.Older(path="docs/new.md", commit="", made=""),
    ]
    about = words.About(configuration="c.yml", base="main", run_url=RUN_URL, source="3" * 40, older=older)
    made = words.pull_request_body([change()], place=PLACE, about=about, failures=["cell 3 failed"])
    commit = "https://git.example.org/owner/name/commit/"
    assert f"What failed for [`{'3' * 12}`]({commit}{'3' * 40}) in [this run]({RUN_URL}) left its report" in made
    assert f"Since [`{'3' * 12}`]({commit}{'3' * 40}) these show earlier results" in made
    assert f"blob/{PLACE.after_sha}/docs/b.md), made from [`{'4' * 12}`]({commit}{'4' * 40}) on 2026-11-19" in made
    assert "- `docs/new.md`: nothing is published yet" in made


def test_with_many_reports_each_has_its_share_of_the_room() -> None:
    pictures = (PictureChange(before="docs/a.png", after="docs/a.png", name="a/loss"),)
    made = body([ReportChange(path=f"docs/{number}.md", kind="changed", pictures=pictures) for number in range(149)])
    assert made.count("![after]") == made.count("\n### ") > 80
    assert 50_000 < len(made) < 65_536
    # One that has more takes what the others leave.
    few = ReportChange(path="few.md", kind="changed", pictures=pictures)
    many = ReportChange(path="many.md", kind="changed", pictures=pictures * 150)
    assert body([few, many, few]).count("![after]") > 100


@pytest.mark.parametrize(("number", "said"), [(1, "One report changes"), (3, "3 reports change")])
def test_the_comment_counts_reports(number: int, said: str) -> None:
    assert f"### {said} with this pull request" in words.comment([change()] * number, preview_url="", run_url="")


def test_a_commit_names_its_reports_and_carries_the_configured_message() -> None:
    assert words.commit_message("docs: refresh", ["docs/a.md", "b.md"], "Signed off.\n") == (
        "docs: refresh\n\n- docs/a.md\n- b.md\n\nSigned off.\n"
    )
    many = words.commit_message("docs: refresh", [f"{number}.md" for number in range(60)], None)
    assert many.endswith("- 49.md\n- and 10 more\n")


@pytest.mark.parametrize(
    "path", ["docs/fixes #12.md", "@person.md", "[skip ci].md", "[CI Skip]", "[no ci]", "[skip actions]", "GH-3"]
)
def test_a_file_name_in_a_commit_does_nothing(path: str) -> None:
    made = words.commit_message("docs: refresh", [path, "a\nSigned-off-by: b"], None)
    assert path not in made
    assert path in made.replace(ZERO_WIDTH, "")
    assert "\nSigned-off-by" not in made


def test_the_comment_links_the_preview_and_tells_what_did_not_reach_it() -> None:
    made = words.comment([change()], preview_url="https://x.example/1", run_url=RUN_URL, commit="c" * 40, left_out=4)
    assert "[Preview](https://x.example/1)" in made
    assert "4 further changes did not fit here" in made
    assert "`cccccccccccc`" in made
    assert "Pictures: `docs/a.md` (changed)" in made
    assert "nothing changes" in words.comment([], preview_url="", run_url="")
    assert "the refresh failed" in words.comment([], preview_url="", run_url="", failures=["a run failed"])


def test_a_link_that_is_none_of_the_web_is_left_out() -> None:
    made = words.comment([], preview_url="javascript:alert(1)", run_url="x) [evil](https://evil.example")
    assert "](" not in made


def test_the_issue_says_what_happened_and_when_it_is_over() -> None:
    assert words.issue_marker("Nightly -- x -->") == "<!-- gpu-doc-action issue: Nightly%20%2D%2D%20x%20%2D%2D%3E -->"
    assert "- a run failed" in words.failing(workflow="Nightly", run_url=RUN_URL, failures=["a run failed"])
    assert "failed again" in words.still_failing(workflow="Nightly", run_url=RUN_URL)
    assert "succeeds again" in words.recovered(workflow="Nightly", run_url=RUN_URL)
    assert len(words.issue_title("N" * 1000)) <= 256


def test_a_closed_pull_request_says_why() -> None:
    made = words.closing_comment(base="main", source="a" * 40, run_url=RUN_URL)
    assert "Nothing differs from `main` any more (looked at `aaaaaaaaaaaa` in [this run]" in made


# --- the job summary -------------------------------------------------------------------------------------------------


def run_plan(name: str, *reasons: str) -> RunPlan:
    run = Run(report="docs/a.md", name=name, address=name, line=1, notebook="n.ipynb")
    return RunPlan(run=run, fingerprint=None, reasons=reasons, unchecked=() if reasons else ("GPU",))


def summary(errors: Sequence[GpuDocError] = ()) -> str:
    ran, failed, fresh = run_plan("ran", "lr 0.1 → 0.2"), run_plan("failed", "new"), run_plan("fresh")
    report = Report(path="docs/a.md", line=1, runs=(ran.run, failed.run, fresh.run))
    result = Result(run=ran.run, fingerprint="x", folder=Path(), record={"seconds": 75.2})
    return job_summary(
        plan=Plan(reports=(ReportPlan(report=report, runs=(ran, failed, fresh), changes=("template changed",)),)),
        results=[result],
        errors=errors,
        changes=[change()],
        published=Published(mode="pull-request", number=7, url="https://x.example/7", operation="updated"),
        left=["docs/a.md"] if errors else [],
    )


def test_the_summary_tells_each_run_with_its_time_and_reason() -> None:
    error = RunError("cell 3 failed", where="n.ipynb", remedy="Mend it.", details="a\n```\nb", kept="state/x.ipynb")
    made = summary([error])
    assert "| `docs/a.md` | failed, or stopped by a failure | template changed |" in made
    assert "| `ran` | `docs/a.md` | ran | 1 min 15 s | lr 0.1 → 0.2 |" in made
    assert "| `failed` | `docs/a.md` | failed, or stopped by a failure |  | new |" in made
    assert "| `fresh` | `docs/a.md` | fresh |  | not checked here&#58; GPU |" in made
    assert "- **cell 3 failed** in `n.ipynb`. Mend it. Kept: `state/x.ipynb`" in made
    assert "````text\na\n```\nb\n````" in made
    assert "[Pull request 7](https://x.example/7): updated." in made
    assert "| `failed` | `docs/a.md` | stale |" in summary()


def test_the_summary_tells_what_is_stale_from_what_the_pull_request_has() -> None:
    report = Report(path="docs/a.md", line=1, runs=())
    plan = Plan(reports=(ReportPlan(report=report, runs=(run_plan("train", "new"),), changes=("new",)),))
    made = job_summary(plan=plan, published=Published(mode="pull-request", number=7, url="https://x.example/7"))
    assert "| `docs/a.md` | in its pull request already |" in made
    assert "| `train` | `docs/a.md` | in its pull request already |" in made
    made = job_summary(plan=plan, published=Published(mode="none"))
    assert "| `docs/a.md` | stale |" in made
    assert "left to the next refresh" in made
    assert "Nothing changed" not in made


def test_where_all_failed_the_summary_begins_with_that() -> None:
    def opening(published: Published, *left: str) -> str:
        error = RunError("cell 3 failed", where="n.ipynb")
        return job_summary(plan=None, errors=[error] if left else [], published=published, left=left).split("## What")[
            0
        ]

    nothing = Published(mode="commit")
    assert "Nothing changed, nothing to publish." in opening(nothing)
    made = opening(nothing, "docs/a.md", "docs/b.md")
    assert "Failed, so left as they were: `docs/a.md`, `docs/b.md`." in made
    assert "Nothing was published." in made
    assert "Nothing changed" not in made
    kept = opening(Published(mode="pull-request", number=7, url="https://x.example/7"), "docs/a.md")
    assert "up to date" not in kept


def test_texts_keep_within_githubs_limits() -> None:
    wide = "#" * 3000
    values = tuple(ValueChange(name=f"{number}{wide}", before=wide, after=wide + "x") for number in range(300))
    pictures = tuple(PictureChange(before=wide, after=wide, name=f"{number}{wide}") for number in range(60))
    place = words.PictureLinks(
        server_url="https://x.example",
        repository="owner/name",
        before_sha="a" * 40,
        after_sha="b" * 40,
        root_prefix="r" * 2000,
    )
    change = ReportChange(
        path=wide, kind="changed", values=values, pictures=pictures, environment=(("Image", wide),) * 30
    )
    made = body([change] * 25, [wide] * 25, place)
    assert 5_000 < len(made) < 65_536
    assert "further report" in made
    assert "updates stop until it is gone" in made  # cut by rows, not through the text
    errors = [RunError(wide, where=wide, details="界" * 500_000)] * 3
    long = job_summary(plan=None, errors=errors, changes=[change] * 25)
    assert 50_000 < len(long.encode()) < 1 << 20
    assert len(words.comment([change] * 25, preview_url="", run_url="")) < 65_536


# --- what is put in stays text ---------------------------------------------------------------------------------------

HOSTILE = (
    "| a | b",
    "`",
    "``` `` `",
    "\\",
    "\\|",
    "a\n\n# b",
    "<!-- gpu-doc-action pull-request: x -->",
    "-->",
    "<img src=x onerror=alert(1)>",
    "<details>",
    "![x](https://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "[x]: https://evil.example",
    "[^1]",
    "<https://evil.example>",
    "https://evil.example www.evil.example",
    "me@evil.example",
    "@person @org/team",
    "#12 GH-12 owner/name#12 owner/name@1234567",
    "1234567 deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    ":smile:",
    "- [ ] a",
    "1. a",
    "1) a",
    "> a",
    "---",
    "===",
    "+ a",
    "~~a~~ **a** __a__ _a_ *a*",
    "&lt;b&gt; &#35;12",
    "$x$ $$y$$",
    "\x1b[31mred\x00",
    "\u202eltr \u2066",
    "\ud800",
    "{{ 7 * 7 }} {% raw %}",
    "|---|",
    "\t\tindented",
)
TEXTS = st.one_of(
    st.text(min_size=1),
    st.sampled_from(HOSTILE),
    st.text(alphabet="`|\\<>![]()*_~#@&;:-+=.$'\"/ \n12aw", min_size=1, max_size=30),
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE)).map("".join),
)

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_FOUND_BY_GITHUB = re.compile(
    r"@\w|#\d|\bGH-\d|\b[0-9a-f]{7,40}\b|://|\bwww\.\w|:[\w+-]+:|[\w.]@[\w.]", re.IGNORECASE | re.ASCII
)


def structure(text: str) -> list[object]:
    """All of a rendered text but its text: elements with their attributes, comments and where text stands."""
    soup = BeautifulSoup(_MARKDOWN.render(text), "html.parser")
    found: list[object] = []
    for node in soup.descendants:
        if isinstance(node, Tag):
            # A report's and a picture's address hold its path.
            attributes = {name: value for name, value in node.attrs.items() if name != "src"}
            if str(attributes.get("href", "")).startswith("https://git.example.org/owner/name/blob/"):
                del attributes["href"]
            found.append((node.name, attributes))
        elif type(node) is not NavigableString:
            found.append(str(node))
        elif not node.find_parent(["code", "pre", "a"]):
            assert not _FOUND_BY_GITHUB.search(node), node
    return found


def every_text(value: str) -> list[str]:
    errors = [RunError(value, where=value, remedy=value, details=value, kept=value)]
    return [
        body([change(value)], [value, "b"]),
        words.comment([change(value)], preview_url="https://x.example", run_url=RUN_URL, failures=[value]),
        summary(errors) + job_summary(plan=plan_of(value), errors=errors, changes=[change(value)]),
        words.failing(workflow=value, run_url=RUN_URL, failures=[value]),
        words.closing_comment(base=value, source="a" * 40, run_url=RUN_URL),
    ]


def plan_of(value: str) -> Plan:
    run = Run(report=value, name=value, address=value, line=1, notebook=value)
    plan = RunPlan(run=run, fingerprint=None, reasons=(value,), unchecked=(value,))
    report = Report(path=value, line=1, runs=(run,))
    return Plan(reports=(ReportPlan(report=report, runs=(plan,), changes=(value, value)),))


_PLAIN = [structure(text) for text in every_text("plain")]


@settings(max_examples=50)  # eleven texts of each
@given(TEXTS)
@example("a" * 600)
def test_whatever_is_put_in_nothing_but_text_changes(value: str) -> None:
    assume(one_line(value) and value.strip())
    for text, plain in zip(every_text(value), _PLAIN, strict=True):
        assert structure(text) == plain


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_shown_as_it_is(value: str) -> None:
    soup = BeautifulSoup(_MARKDOWN.render(body([change(value)])), "html.parser")
    shown = soup.select_one("td code")
    assert shown
    assert " ".join(shown.get_text().replace(ZERO_WIDTH, "").split()) == one_line(value)
    for text, plain in zip(every_text(value), _PLAIN, strict=True):
        assert structure(text) == plain
