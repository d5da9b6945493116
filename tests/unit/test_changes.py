from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_doc.changes.changes import LARGEST, compare, from_json, to_json
from gpu_doc.functions.compare import comparison
from gpu_doc.functions.environment import environment
from gpu_doc.functions.shared.html_tables import Rows
from gpu_doc.functions.table import written
from gpu_doc.model.answers import Call, Cell
from gpu_doc.model.changes import PictureChange, ReportChange, TextChange, ValueChange
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.record.evidence import Evidence, KeptAnswer, KeptFile, RunEvidence
from gpu_doc.record.inputs import Inputs

REPORT = Report(path="docs/a.md", line=1)
EVIDENCE = "docs/a.assets/evidence.json"
MACHINE: Mapping[str, Any] = {"packages": {}, "data": {}, "image-digest": "sha256:" + "ab" * 32, "device": "cuda"}
RUN = RunEvidence(source={"image": "pytorch:2"}, machine=MACHINE, made={})


@dataclass
class Side:
    """A commit."""

    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def side(
    *answers: tuple[Call, KeptAnswer], text: str = "text", runs: Sequence[str] = ("baseline",), **png: bytes
) -> Side:
    files = {f"{name}.png": KeptFile(sha256="", made_from="") for name in png}
    evidence = Evidence(answers={call.key: kept for call, kept in answers}, runs=dict.fromkeys(runs, RUN), files=files)
    pictures = {f"docs/a.assets/{name}.png": content for name, content in png.items()}
    return Side({"docs/a.md": text.encode(), EVIDENCE: evidence.to_bytes(), **pictures})


def value(address: str, value: object) -> tuple[Call, KeptAnswer]:
    return Call(function="value", args=(address,)), KeptAnswer(value=value, runs=("baseline",))


def shot(address: str, *names: str, **options: object) -> tuple[Call, KeptAnswer]:
    files = tuple(f"{name}.png" for name in names)
    return Call(function="shot", args=(address,), kwargs=options), KeptAnswer(value="", assets=files)


def one(before: Side, after: Side) -> ReportChange:
    (change,) = compare([REPORT], before, after)
    return change


def test_a_report_that_is_the_same_on_both_sides_is_left_out() -> None:
    same = side(value("baseline/accuracy", float("nan")), shot("baseline/loss", "loss"), loss=b"png")
    assert compare([REPORT, Report(path="nowhere.md", line=1)], same, Side(dict(same.files))) == ()
    windows = Side({path: content.replace(b"\n", b"\r\n") for path, content in same.files.items()})
    assert compare([REPORT], same, windows) == ()


def test_values_are_told_before_and_after() -> None:
    before = side(value("baseline/a", 1), value("baseline/b", "on"), value("baseline/same", float("nan")))
    after = side(value("baseline/a", 2.5), value("baseline/c", "x"), value("baseline/same", float("nan")))
    assert one(before, after).values == (
        ValueChange(name="baseline/a", before=1, after=2.5),
        ValueChange(name="baseline/c", before=None, after="x"),
        ValueChange(name="baseline/b", before="on", after=None),
    )


def test_values_that_a_comparison_shows_are_told_by_their_runs() -> None:
    def compared(accuracy: str) -> Side:
        call = Call(function="compare", args=("sweep[*]",), kwargs={"values": ["accuracy", "a|b"]})
        table = (
            f"| lr | accuracy | a&#124;b |\n| ---: | ---: | --- |\n| 0.1 | **{accuracy}** | x\\_y |\n| 1 | 0.5 | 7 |"
        )
        return side((call, KeptAnswer(value=table, runs=("sweep[lr=0.1]", "sweep[lr=1]"))))

    assert one(compared("0.25"), compared("0.75")).values == (
        ValueChange(name="sweep[lr=0.1]/accuracy", before=0.25, after=0.75),
    )
    values = one(Side(), compared("0.75")).values
    assert ValueChange(name="sweep[lr=0.1]/a|b", before=None, after="x_y") in values
    assert ValueChange(name="sweep[lr=1]/a|b", before=None, after=7) in values


# --- evidence of format 1, which has tables only as Markdown, and of format 2 -----------------------------------------

SWEEP = ("sweep[lr=0.1]", "sweep[lr=1]")


def in_format(number: int, *answers: tuple[Call, KeptAnswer]) -> Side:
    """One side, as an earlier version would have written its evidence."""
    given = {call.key: kept if number > 1 else replace(kept, cells=None) for call, kept in answers}
    known = Evidence(answers=given, runs=dict.fromkeys(["a"], RUN), format=number)
    return Side({"docs/a.md": b"text", EVIDENCE: known.to_bytes()})


def told(number: int, accuracy: float, recall: str, device: str) -> Side:
    """What the three functions say that give tables."""
    points = [Run(report="a", name="sweep", address=name, line=1, point={"lr": name[9:-1]}) for name in SWEEP]
    run = Run(report="a", name="a", address="a", line=1, command=("x",), image="torch:2", setup="a|b *c*")
    record = {"machine": {"device": "gpu", "probe": {"gpus": [{"name": device}]}}}
    columns: dict[str, Sequence[Json]] = {"accuracy": [accuracy, 0.5], "a|b": ["x_y", 7]}
    sweep = comparison(points, columns, {"accuracy": "max", "a|b": "max"})
    frame = written(Rows(("digit", "re|call", "n"), (("1", recall, "2"),)))
    about = environment(Result(run=run, fingerprint="f", folder=Path(), record=record))
    compare = Call(function="compare", args=("sweep[*]",), kwargs={"values": list(columns)})
    return in_format(
        number,
        (compare, KeptAnswer(value=sweep.markdown, runs=SWEEP, cells=sweep.cells)),
        (Call(function="table", args=("a/frame",)), KeptAnswer(value=frame.markdown, runs=("a",), cells=frame.cells)),
        (Call(function="environment", args=("a",)), KeptAnswer(value=about.markdown, runs=("a",), cells=about.cells)),
    )


@pytest.mark.parametrize(("old", "new"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_tables_are_told_alike_whatever_the_format(old: int, new: int) -> None:
    change = one(told(old, 0.12345678, "0.9 <", "NVIDIA T4"), told(new, 0.75, "*0.8*", "NVIDIA H100"))
    assert change.values == (
        ValueChange(name="sweep[lr=0.1]/accuracy", before=0.1235, after=0.75),
        ValueChange(name="a (environment): Device", before="NVIDIA T4", after="NVIDIA H100"),
        ValueChange(name="a/frame: 1, re|call", before="0.9 <", after="*0.8*"),
    )
    assert change.texts == ()
    assert ("Device", "NVIDIA H100") in change.environment


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 1), (2, 2)])
def test_neither_a_format_nor_digits_that_a_table_does_not_show_are_a_change(old: int, new: int) -> None:
    before, after = told(old, 0.12345678, "1", "NVIDIA T4"), told(new, 0.12345679, "1", "NVIDIA T4")
    change = one(before, after)
    assert (change.values, change.texts) == ((), ())


def test_what_has_cells_is_told_by_them_alone() -> None:
    call = Call(function="table", args=("a/frame",))

    def shown(cell: str) -> Side:
        cells = ((Cell(text="a"), Cell(text="b")), (Cell(text="1"), Cell(text=cell)))
        return in_format(2, (call, KeptAnswer(value="| no | table |", runs=("a",), cells=cells)))

    assert one(shown("2"), shown("3")).values == (ValueChange(name="a/frame: 1", before=2, after=3),)


def test_long_cells_are_cut_where_they_are_read() -> None:
    cells = ((Cell(text="a"), Cell(text="b" * 5_000)), (Cell(text="c" * 5_000), Cell(text="9" * 5_000)))
    call = Call(function="table", args=("a/frame",))
    change = one(in_format(2, (call, KeptAnswer(value="")), (call, KeptAnswer(value="", cells=cells[:1]))), Side())
    assert change.texts == (TextChange(name="a/frame", lines=(0, 1), unit="row"),)
    named = ((Cell(text="a" * 5_000, address="s/" + "b" * 5_000, value=1),),)
    long = one(Side(), in_format(2, (call, KeptAnswer(value="", cells=named))))
    ((known,), left_out) = from_json(to_json([long]))
    assert (len(known.values[0].name), len(str(known.values[0].after)), left_out) == (1000, 1000, 0)


def answer(function: str, address: str, value: object, **options: object) -> tuple[Call, KeptAnswer]:
    return Call(function=function, args=(address,), kwargs=options), KeptAnswer(value=value, runs=("baseline",))


def table(*rows: str) -> tuple[Call, KeptAnswer]:
    lines = ["| digit | read | recall |", "| ---: | ---: | ---: |", *(f"| {row} |" for row in rows)]
    return answer("table", "a/file:x.csv", "\n".join(lines))


def test_the_cells_of_a_table_are_told_before_and_after() -> None:
    change = one(side(table("1 | 10 | **0.5**", "2 | 7 | x\\_y")), side(table("1 | 50 | 0.5", "2 | 7 | x&#124;y")))
    assert change.values == (
        ValueChange(name="a/file:x.csv: 1, read", before=10, after=50),
        ValueChange(name="a/file:x.csv: 2, recall", before="x_y", after="x|y"),
    )
    assert change.texts == ()


def test_rows_of_a_table_that_come_and_go_are_counted() -> None:
    change = one(side(table("1 | 10 | 1", "2 | 7 | 1")), side(table("3 | 8 | 1", "1 | 11 | 1", "4 | 1 | 1")))
    assert change.values == (ValueChange(name="a/file:x.csv: 1, read", before=10, after=11),)
    assert change.texts == (TextChange(name="a/file:x.csv", lines=(2, 1), unit="row"),)
    moved = one(side(table("1 | 1 | 1", "2 | 1 | 1")), side(table("2 | 1 | 1", "1 | 1 | 1")))
    assert (moved.values, moved.texts) == ((), (TextChange(name="a/file:x.csv", lines=(0, 0), unit="row"),))
    # Rows that can't be told apart go by their number.
    same = one(side(table("a | 1 | 1", "a | 2 | 1")), side(table("a | 1 | 1", "a | 3 | 1")))
    assert same.values == (ValueChange(name="a/file:x.csv: row 2, read", before=2, after=3),)
    other = one(side(table("1 | 1 | 1")), side(answer("table", "a/file:x.csv", "| b |\n| - |\n| 1 |")))
    assert other.texts == (TextChange(name="a/file:x.csv", lines=(2, 2), unit="row"),)


def test_texts_source_and_environment_are_told() -> None:
    def shown(log: str, code: str, device: str, command: str) -> Side:
        return side(
            answer("text", "a/log", f"```text\n{log}\n```"),
            answer("text", "a/log", f"```text\n{log[2:]}\n```", lines="1:"),
            answer("code", "a/work", f"```python\n{code}\n```"),
            answer("environment", "a", f"| Run | a |\n| --- | --- |\n| Device | {device} |"),
            answer("launch_command", "a", command),
        )

    change = one(shown("1\n2", "x = 1", "CPU", "docker"), shown("1\n3\n4", "x = 2", "NVIDIA H100", "docker run"))
    assert change.values == (ValueChange(name="a (environment): Device", before="CPU", after="NVIDIA H100"),)
    assert change.texts == (
        TextChange(name="a/work (source)", lines=(1, 1)),
        TextChange(name="a (launch command)", lines=(1, 1)),
        TextChange(name="a/log, lines=1:", lines=(2, 1)),
        TextChange(name="a/log", lines=(2, 1)),
    )


def test_a_comparison_without_names_of_values_is_a_table() -> None:
    def compared(accuracy: str) -> Side:
        return side(answer("compare", "s[*]", f"| lr | accuracy |\n| - | - |\n| 0.1 | {accuracy} |", values="x"))

    assert one(compared("1"), compared("2")).values == (ValueChange(name="s[*]: 0.1", before=1, after=2),)


def test_it_is_told_what_was_made_from_something_else() -> None:
    def made(lr: float, sha: str, template: str, *more: str) -> Side:
        machine = {"packages": {"numpy": "2"}, "data": {}, "image-digest": None, "device": "cpu"}
        source = {"image": "local", "parameters": {"lr": lr}, "code": ["a"]}
        run = RunEvidence(source=source, machine=machine, made={"commit": sha})
        known = Evidence(runs=dict.fromkeys(["a", "b", *more], run), sources={"t.md.j2": template})
        return Side({"docs/a.md": b"x", EVIDENCE: known.to_bytes()})

    change = one(made(0.1, "1" * 40, "x"), made(0.2, "2" * 40, "y", "c"))
    assert change.why == ("a, b: parameters.lr 0.1 → 0.2", "c: new", "t.md.j2 changed")
    assert change.commits == ("2" * 40,)
    assert dict(change.environment)["Packages, without an image"] == "numpy 2"
    assert from_json(to_json([change])) == ((change,), 0)
    assert one(made(0.1, "1" * 40, "x"), made(0.1, "2" * 40, "x")).why == ("run again, from the same inputs",)


def test_a_picture_is_told_where_its_bytes_differ_in_the_order_of_the_text() -> None:
    shots = (shot("baseline/a", "a"), shot("baseline/b", "b"), shot("baseline/same", "same"))
    before = side(*shots, a=b"1", b=b"1", same=b"1")
    after = side(*shots, text="![](a.assets/b.png) ![](a.assets/a.png)", a=b"2", b=b"2", same=b"1")
    folder = "docs/a.assets"
    assert one(before, after).pictures == (
        PictureChange(name="baseline/b", before=f"{folder}/b.png", after=f"{folder}/b.png"),
        PictureChange(name="baseline/a", before=f"{folder}/a.png", after=f"{folder}/a.png"),
    )


def test_a_picture_whose_options_changed_is_still_the_same_picture() -> None:
    before = side(shot("baseline/a", "a1"), a1=b"1")
    after = side(shot("baseline/a", "a2", width=400), shot("baseline/a", "a3", show="cell"), a2=b"2", a3=b"3")
    assert one(before, after).pictures == (
        PictureChange(name="baseline/a", before="docs/a.assets/a1.png", after="docs/a.assets/a3.png"),
        PictureChange(name="baseline/a #2", before=None, after="docs/a.assets/a2.png"),
    )


def test_themes_and_kinds_of_pictures_are_told_apart() -> None:
    terminal = Call(function="terminal", args=("log",)), KeptAnswer(value="", assets=("t.png",))
    after = side(shot("baseline/a", "l", "d"), terminal, l=b"1", d=b"2", t=b"3")
    names = {picture.name for picture in one(Side(), after).pictures}
    assert names == {"baseline/a (light)", "baseline/a (dark)", "log (terminal)"}


def test_a_picture_in_git_lfs_is_compared_by_what_it_points_to() -> None:
    import hashlib

    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 3\n"
    before = side(shot("baseline/a", "a"), a=pointer % hashlib.sha256(b"png").hexdigest().encode())
    assert compare([REPORT], before, side(shot("baseline/a", "a"), a=b"png")) == ()
    assert one(before, side(shot("baseline/a", "a"), a=b"other")).pictures


def test_reports_come_and_go() -> None:
    there = side(value("baseline/a", 1))
    assert one(Side(), there).kind == "new"
    assert one(there, Side()).kind == "removed"
    assert one(Side({"docs/a.md": b"old"}), there).kind == "changed"


def test_lines_of_text_are_counted() -> None:
    assert one(side(text="a\nb\nc"), side(text="c\na\nd\ne")).lines == (2, 1)
    assert one(side(value("baseline/a", 1)), side(value("baseline/a", 2))).lines == (0, 0)


def test_where_runs_happened_comes_from_evidence_and_from_what_the_report_shows() -> None:
    table = "| Run | `a` |\n| --- | --- |\n| Image | `pytorch:2`, digest `abababababab` |\n"
    table += "| Device | NVIDIA A100 (80 GiB) |\n| Driver | 570.1 |\n| CUDA | 12.8 |\n| Setup | CUDA |"
    shown = Call(function="environment", args=("a",)), KeptAnswer(value=table, runs=("a",))
    assert one(Side(), side(shown, runs=("a", "b"))).environment == (
        ("Image", "pytorch:2, digest abababababab"),
        ("Device", "a: NVIDIA A100 (80 GiB)"),
        ("Device", "b: CUDA"),
        ("Driver", "a: 570.1"),
        ("CUDA", "a: 12.8"),
    )


# --- what is hostile -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "sub/a.png", "..", "evidence.json", "not-listed.png"]
)
def test_only_pictures_in_the_reports_own_folder_are_read(name: str) -> None:
    kept = KeptAnswer(value="", assets=(name,))
    call = Call(function="shot", args=("baseline/a",))

    class Watched(Side):
        def read(self, path: str) -> bytes | None:
            assert path in ("docs/a.md", EVIDENCE)
            return super().read(path)

    files = {} if name == "not-listed.png" else {name: KeptFile(sha256="", made_from="")}
    evidence = Evidence(answers={call.key: kept}, files=files).to_bytes()
    assert one(Side(), Watched({"docs/a.md": b"", EVIDENCE: evidence})).pictures == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _spoilt(whole: Any, place: Sequence[int], put: Any) -> Any:
    """A JSON value with one part of it replaced."""
    if not place or not isinstance(whole, dict | list) or not whole:
        return put
    keys = sorted(whole) if isinstance(whole, dict) else list(range(len(whole)))
    key = keys[place[0] % len(keys)]
    copy: Any = dict(whole) if isinstance(whole, dict) else list(whole)
    copy[key] = _spoilt(whole[key], place[1:], put)
    return copy


@given(st.lists(st.integers(0, 20), max_size=5), JSON)
def test_evidence_of_any_shape_is_survived(place: Sequence[int], put: object) -> None:
    compared = Call(function="compare", args=("s[*]",), kwargs={"values": ["a"]}), KeptAnswer(value="", runs=("b",))
    shown = Call(function="environment", args=("baseline",)), KeptAnswer(value="| Run |\n|---|\n| Image |")
    cells = ((Cell(text="a"), Cell(text="1", address="s/x", value=0.5)), (Cell(text="Image"), Cell(text="torch")))
    tabled = Call(function="table", args=("a/x",)), KeptAnswer(value="", cells=cells)
    known = Call(function="environment", args=("b",)), KeptAnswer(value="", cells=cells)
    good = side(value("baseline/a", 1), shot("baseline/b", "b"), compared, shown, tabled, known, b=b"1")
    spoilt = _spoilt(json.loads(good.files[EVIDENCE]), place, put)
    bad = Side({**good.files, EVIDENCE: json.dumps(spoilt).encode("utf-8", "replace")})
    for changes in (compare([REPORT], good, bad), compare([REPORT], bad, good)):
        assert from_json(to_json(changes))[1] == 0


# --- as JSON ---------------------------------------------------------------------------------------------------------


def test_changes_survive_as_json() -> None:
    change = ReportChange(
        path="docs/ü.md",
        kind="changed",
        values=(ValueChange(name="a", before=None, after=0.1), ValueChange(name="b", before="x\n", after=True)),
        pictures=(PictureChange(name="p", before=None, after="docs/a.assets/p.png"),),
        lines=(3, 4),
        environment=(("Image", "local"),),
    )
    assert from_json(to_json([change])) == ((change,), 0)
    assert "\n" not in to_json([change])


def test_a_value_that_json_lacks_travels_as_text() -> None:
    values = tuple(ValueChange(name="a", before=before, after=1) for before in (float("nan"), 10**2000, {"a": [1]}))
    text = to_json([ReportChange(path="a.md", kind="changed", values=values)])
    json.loads(text, parse_constant=pytest.fail)  # NaN is Python's own
    ((change,), left_out) = from_json(text)
    assert left_out == 0
    nan, huge, mapping = (value.before for value in change.values)
    assert (nan, mapping) == ("NaN", '{"a": [1]}')
    assert huge.startswith("1000")
    assert len(huge) == 1000


def test_json_is_bounded_and_says_what_was_left_out() -> None:
    values = tuple(ValueChange(name=f"{number}", before="界" * 500, after="x") for number in range(400))
    changes = [ReportChange(path=f"{number}.md", kind="changed", values=values) for number in range(3)]
    text = to_json(changes)
    assert len(text) <= LARGEST
    assert text.isascii()
    known, left_out = from_json(text)
    assert [change.path for change in known] == ["0.md", "1.md", "2.md"]
    assert 0 < len(known[0].values) == 1200 - left_out
    many = [ReportChange(path=f"{number}.md", kind="changed") for number in range(5000)]
    known, left_out = from_json(to_json(many))
    assert 1000 < len(known) == 5000 - left_out


@given(st.lists(st.integers(0, 20), max_size=5), JSON)
def test_json_of_any_shape_is_survived(place: Sequence[int], put: object) -> None:
    good = ReportChange(
        path="a",
        kind="new",
        values=(ValueChange(name="a", before=1, after=2),),
        pictures=(PictureChange(name="p", before=None, after="x"),),
        environment=(("Image", "local"),),
    )
    changes, _ = from_json(json.dumps(_spoilt(json.loads(to_json([good])), place, put)))
    for change in changes:
        assert from_json(to_json([change]))[0][0].path == change.path


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 50_000, "x" * (LARGEST + 1), "1" * 5000])
def test_what_is_no_json_of_ours_counts_as_nothing(text: str) -> None:
    assert from_json(text) == ((), 0)


def test_a_run_that_read_other_things_says_which() -> None:
    def made(sha: str, **inputs: Any) -> Side:
        machine: dict[str, Any] = {"packages": {}, "data": {}, "image-digest": None, "device": "cpu"}
        run = RunEvidence(source={}, machine=machine, made={"commit": sha * 40}, inputs=(Inputs(**inputs),))
        return Side({"docs/a.md": b"x", EVIDENCE: Evidence(runs={"train": run}).to_bytes()})

    before = made("1", read={"conf/x.json": "a", "y.txt": "b"}, absent=frozenset({"flag"}), code={"m.py": "c"})
    after = made("2", read={"conf/x.json": "z", "y.txt": "b"}, present=frozenset({"flag"}), code={"m.py": "d"})
    assert one(before, after).why == (
        "conf/x.json changed (read by the run)",
        "m.py changed (imported by the run)",
        "flag is new (looked for by the run)",
    )
    many = [made(sha, read={f"{number}.txt": sha for number in range(9)}) for sha in "12"]
    assert one(*many).why[-1] == "and 4 more inputs"
