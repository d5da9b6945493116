"""What a run read makes it stale when it changes: from what was observed, by way of evidence, to a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.configuration import DataSource, Run
from gpu_doc.model.observed import Observed
from gpu_doc.model.values import Json
from gpu_doc.record import judging, taking
from gpu_doc.record.contents import Contents
from gpu_doc.record.inputs import CHANGED, MOST_SETS, Inputs, Names, from_json, to_json, with_set
from gpu_doc.record.judging import Judge, Judgement
from gpu_doc.record.never_inputs import NeverInputs
from gpu_doc.record.state import State
from gpu_doc.record.taking import Taken, Taking

RUN = Run(report="docs/a.md", name="r", address="r", line=1, notebook="n.ipynb")
OLD = time.time() - 3600


def code(*parts: Any) -> str:
    return f"{abs(hash(repr(parts))):016x}"


def git(folder: Path, *words: str) -> None:
    user = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *user, "-C", str(folder), *words], check=True, capture_output=True)


@dataclass
class Project:
    """A checkout whose files are an hour old."""

    root: Path
    run: Run = RUN
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in ("config/x.json", "lib.py", "data/a.csv", "data/b.csv", "n.ipynb", "big/1.txt"):
            self.write(path, path)

    def write(self, path: str, text: str = "new", *, old: bool = True) -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode())
        if old:
            os.utime(full, (OLD, OLD))
            os.utime(full.parent, (OLD, OLD))

    @property
    def never(self) -> NeverInputs:
        ours = ("docs/a.md", "docs/a.assets", ".gpu-doc")
        return NeverInputs(self.root, [self.root / path for path in ours])

    def judge(self) -> Judge:
        return Judge(self.never, line_ends=LineEnds(), environ=self.environ, code=code)

    def taken(
        self, observed: Observed, source: Mapping[str, Any] | None = None, *, began: float | None = None
    ) -> Taken:
        return Taking(self.never, installed=[]).of(
            observed,
            self.run,
            source=source or {},
            began=time.time() + 60 if began is None else began,  # a file of this test is newer than its run
            contents=Contents(LineEnds()),
            variables=self.judge().variables(self.run),
        )

    def judged(self, taken: Taken, *, with_state: bool = True, at: Path | None = None) -> Judgement:
        """As a later plan judges evidence, with or without state."""
        here = replace_root(self, at or self.root)
        evidence = from_json(to_json(taken.inputs.shown(code)))
        state = [from_json(to_json(taken.inputs))] if with_state else []
        judged = here.judge().of_sets(
            [evidence], here.run, lambda: [{"inputs": to_json(each), "stamps": dict(taken.stamps)} for each in state]
        )
        if with_state and not judged.unchecked:
            assert bool(here.judge().of(state[0], here.run).reasons) == bool(judged.reasons), "state picks the result"
        return judged


def replace_root(project: Project, root: Path) -> Project:
    other = Project.__new__(Project)
    other.root, other.run, other.environ = root, project.run, project.environ
    return other


@pytest.fixture(params=["git", "plain"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    made = Project(tmp_path / "root")
    if request.param == "git":
        git(made.root, "init", "-q")
        made.write(".gitignore", "*.log\nprivate/\n")
        git(made.root, "add", ".")
        git(made.root, "commit", "-qm", "all")
    return made


def add(path: str, text: str = "new") -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return change


def remove(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


def touch(path: str) -> Callable[[Path], None]:
    return lambda root: os.utime(root / path)


def nothing(root: Path) -> None:
    del root


READ = Observed(read=frozenset({"config/x.json"}))
CODE = Observed(imported=frozenset({"lib.py"}))
LOOKED = Observed(missing=frozenset({"models/b.pt", "numpy.py"}), present=frozenset({"data", "data/a.csv"}))
LISTED = Observed(listed=frozenset({"data"}))
ROOT = Observed(listed=frozenset({".", "data", "config"}))
CASES: Sequence[tuple[Observed, Callable[[Path], None], tuple[str, ...]]] = [
    (READ, nothing, ()),
    (READ, touch("config/x.json"), ()),
    (READ, add("config/x.json"), ("config/x.json changed (read by the run)",)),
    (READ, remove("config/x.json"), ("config/x.json is missing (read by the run)",)),
    (READ, add("config/y.json"), ()),
    (CODE, add("lib.py"), ("lib.py changed (imported by the run)",)),
    (LOOKED, nothing, ()),
    (LOOKED, add("data/a.csv"), ()),
    (LOOKED, add("models/b.pt"), ("models/b.pt is new (looked for by the run)",)),
    (LOOKED, add("numpy.py"), ("numpy.py is new (looked for by the run)",)),
    (LOOKED, remove("data/a.csv"), ("data/a.csv is missing (looked for by the run)",)),
    (LISTED, add("data/a.csv"), ()),
    (LISTED, add("data/c.csv"), ("the names in data/ changed (listed by the run)",)),
    (LISTED, remove("data/b.csv"), ("the names in data/ changed (listed by the run)",)),
    (LISTED, add("data/.ipynb_checkpoints/a.csv"), ()),
    (LISTED, add("data/__pycache__/a.pyc"), ()),
    (ROOT, add("docs/a.md"), ()),
    (ROOT, add("docs/a.assets/evidence.json"), ()),
    (ROOT, add("docs/other.md"), ("the names in the root changed (listed by the run)",)),
    (ROOT, add(".gpu-doc/runs/x"), ()),
    (ROOT, add(".venv/pyvenv.cfg"), ()),
    (ROOT, add("cache/CACHEDIR.TAG"), ()),
    (ROOT, add("new.csv"), ("the names in the root changed (listed by the run)",)),
    (Observed(read=frozenset({"docs/a.md"}), missing=frozenset({"docs/a.assets/x.png"})), add("docs/a.md"), ()),
    (Observed(read=frozenset({"n.ipynb"})), add("n.ipynb"), ()),
    (Observed(missing=frozenset({"docs"})), add("docs/a.md"), ()),
]


@pytest.mark.parametrize(("observed", "change", "reasons"), CASES)
@pytest.mark.parametrize("with_state", [True, False])
def test_what_differs_is_told_and_nothing_else(
    project: Project,
    observed: Observed,
    change: Callable[[Path], None],
    reasons: tuple[str, ...],
    with_state: bool,  # noqa: FBT001 - pytest gives it by name
) -> None:
    taken = project.taken(observed)
    assert not taken.changed
    change(project.root)
    judged = project.judged(taken, with_state=with_state)
    assert judged.reasons == reasons
    assert judged.unchecked == ()


def test_what_the_fingerprint_has_is_not_counted_twice(project: Project) -> None:
    project.run = replace(RUN, data=(DataSource(path="data"),), produces=("big/*.txt",))
    observed = Observed(
        read=frozenset({"data/a.csv", "big/1.txt", "n.ipynb", "config/x.json"}),
        imported=frozenset({"lib.py"}),
        listed=frozenset({"data", "big"}),
    )
    taken = project.taken(observed, {"modules": {"lib.py": "x"}, "files": {"config/x.json": "x"}})
    assert taken.inputs == Inputs(listed={"big": Names(digest=taken.inputs.listed["big"].digest)})
    add("big/2.txt")(project.root)
    assert project.judged(taken).reasons == ()


def test_a_module_that_is_opened_as_data_counts_by_its_bytes(project: Project) -> None:
    taken = project.taken(Observed(read=frozenset({"lib.py"})), {"modules": {"lib.py": "x"}})
    assert set(taken.inputs.read) == {"lib.py"}
    project.run = replace(RUN, notebook=None, command=("python", "./lib.py"))
    assert not project.taken(Observed(read=frozenset({"lib.py"})), {"modules": {"lib.py": "x"}}).inputs


def test_what_a_run_wrote_is_no_input(project: Project) -> None:
    time.sleep(0.02)
    began = time.time()
    time.sleep(0.02)
    project.write("out/1.csv", old=False)
    project.write("data/c.csv", old=False)
    observed = Observed(
        read=frozenset({"out/1.csv", "data/c.csv"}),
        missing=frozenset({"out", "out/1.csv", "data/c.csv"}),
        listed=frozenset({".", "data", "out"}),
        written=frozenset({"out", "data/c.csv"}),
    )
    taken = project.taken(observed, began=began)
    assert set(taken.inputs.listed) == {".", "data"}
    assert not taken.inputs.read
    assert not taken.inputs.absent
    for change in (add("out/2.csv"), add("data/c.csv", "again"), remove("data/c.csv"), remove("out/1.csv")):
        change(project.root)
        assert project.judged(taken).reasons == ()


def test_a_file_that_was_opened_for_writing_and_left_as_it_was_is_an_input(project: Project) -> None:
    time.sleep(0.02)
    observed = Observed(read=frozenset({"data/a.csv", "data/b.csv"}), written=frozenset({"data/a.csv", "data/b.csv"}))
    began = time.time()
    time.sleep(0.02)
    project.write("data/b.csv", old=False)
    assert set(project.taken(observed, began=began).inputs.read) == {"data/a.csv"}
    project.run = replace(RUN, image="torch")  # a container's view hides what it wrote
    assert not project.taken(observed, began=began).inputs.read


def test_a_file_that_was_sought_as_a_folder_was_there_all_along(project: Project) -> None:
    observed = Observed(missing=frozenset({"config/x.json", "config/y.json"}))
    taken = project.taken(observed)
    assert taken.inputs.present == {"config/x.json"}
    assert taken.inputs.absent == {"config/y.json"}


def test_where_the_importer_looked_takes_one_line(project: Project) -> None:
    names = [f"package{number}" for number in range(100)]
    sought = frozenset(f"{name}{end}" for name in names for end in (".py", "/__init__.py"))
    taken = project.taken(Observed(missing=sought))
    shown = to_json(taken.inputs.shown(code))
    assert {part: len(value) for part, value in shown.items()} == {"absent": 1, "absent-packages": 1}
    assert from_json(shown).absent == sought
    add("package7/__init__.py")(project.root)
    assert project.judged(taken).reasons == ("package7/__init__.py is new (looked for by the run)",)


def test_a_file_that_changes_during_the_run_is_told_and_not_called_fresh(project: Project) -> None:
    observed = Observed(read=frozenset({"config/x.json", "lib.py"}), listed=frozenset({"data"}))
    time.sleep(0.02)  # the clock of a file system is coarse
    began = time.time()
    time.sleep(0.02)
    project.write("config/x.json", old=False)
    project.write("data/c.csv", old=False)
    taken = project.taken(observed, began=began)
    assert taken.changed == ("config/x.json", "data/")
    assert taken.inputs.read["lib.py"] != CHANGED
    assert taken.inputs.read["config/x.json"] == CHANGED
    assert "config/x.json changed while the run went on" in project.judged(taken).reasons
    assert "the names in data/ changed while the run went on" in project.judged(taken, with_state=False).reasons


def test_a_file_that_the_run_wrote_does_not_count_as_changed(project: Project) -> None:
    time.sleep(0.02)
    began = time.time()
    time.sleep(0.02)
    project.write("data/c.csv", old=False)
    observed = Observed(listed=frozenset({"data"}), written=frozenset({"data/c.csv"}))
    assert project.taken(observed, began=began).changed == ()


# --- another machine --------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Project:
    made = Project(tmp_path / "root")
    git(made.root, "init", "-q")
    made.write(".gitignore", "*.log\nprivate/\n")
    git(made.root, "add", ".")
    git(made.root, "commit", "-qm", "all")
    for path in ("notes.txt", "run.log", "private/key.csv", "data/train.log", "other/new.csv"):
        made.write(path, path)
    return made


EVERYTHING = Observed(
    read=frozenset({"config/x.json", "notes.txt", "run.log", "private/key.csv", "other/new.csv"}),
    present=frozenset({"private", "other", "data/train.log"}),
    listed=frozenset({".", "data", "private", "other"}),
)


def test_a_fresh_clone_calls_nothing_stale_and_says_what_it_did_not_check(repository: Project, tmp_path: Path) -> None:
    taken = repository.taken(EVERYTHING)
    assert repository.judged(taken) == Judgement()
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository.root), str(clone))
    judged = repository.judged(taken, with_state=False, at=clone)
    assert judged.reasons == ()
    (said,) = judged.unchecked
    assert (
        said
        == "inputs outside git (data/train.log, notes.txt, other, other/new.csv, private/key.csv and 1 more not here)"
    )
    (clone / "config/x.json").unlink()
    assert repository.judged(taken, with_state=False, at=clone).reasons == (
        "config/x.json is missing (read by the run)",
    )


def test_the_hash_of_what_git_ignores_is_in_state_only(repository: Project) -> None:
    taken = repository.taken(EVERYTHING)
    evidence = str(to_json(taken.inputs.shown(code)))
    hidden = [digest for digest in taken.inputs.hidden.values() if digest]
    assert len(hidden) >= 4
    assert not any(digest in evidence for digest in hidden)
    here = repository.judged(taken, with_state=False)
    assert here.reasons == ()
    assert here.unchecked == ("inputs that git ignores (private/key.csv, run.log)",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (add("run.log", "other"), "run.log changed (read by the run)"),
        (add("private/key.csv", "other"), "private/key.csv changed (read by the run)"),
        (add("private/more.csv"), "the names in private/ changed (listed by the run)"),
        (add("notes.txt", "other"), "notes.txt changed (read by the run)"),
        (add("other/more.csv"), "the names in other/ changed (listed by the run)"),
    ],
)
def test_state_tells_what_changed_of_what_is_not_in_git(
    repository: Project, change: Callable[[Path], None], reason: str
) -> None:
    taken = repository.taken(EVERYTHING)
    change(repository.root)
    assert repository.judged(taken).reasons == (reason,)


def test_files_that_are_added_to_git_later_are_no_change(repository: Project) -> None:
    taken = repository.taken(EVERYTHING)
    git(repository.root, "add", ".")
    git(repository.root, "commit", "-qm", "more")
    assert repository.judged(taken) == Judgement()


def test_line_ends_and_lfs_pointers_are_no_change(repository: Project, tmp_path: Path) -> None:
    repository.write("text.csv", "a\nb\n")
    repository.write("model.pt", "weights")
    git(repository.root, "add", ".")
    git(repository.root, "commit", "-qm", "text")
    taken = repository.taken(Observed(read=frozenset({"text.csv", "model.pt"})))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", str(repository.root), str(clone))
    assert (clone / "text.csv").read_bytes() == b"a\r\nb\r\n"
    oid = "9c4f9d21c51fb6fa5a5a3b8d9e5e7b4fc7a5a5b2a1fb3c8d2a0f5b6c7d8e9f00"
    assert repository.judged(taken, at=clone).reasons == ()
    from hashlib import sha256

    oid = sha256(b"weights").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 7\n"
    (clone / "model.pt").write_text(pointer)
    assert repository.judged(taken, at=clone).reasons == ()


def test_files_of_the_repository_above_root_are_inputs(tmp_path: Path) -> None:
    project = Project(tmp_path / "repository/docs")
    (tmp_path / "repository/shared").mkdir()
    (tmp_path / "repository/shared/x.json").write_text("1")
    git(tmp_path / "repository", "init", "-q")
    path = str(tmp_path / "repository/shared/x.json")
    taken = project.taken(Observed(read=frozenset({path, "/srv/none.csv"})))
    assert set(taken.inputs.read) == {"../shared/x.json"}
    assert taken.elsewhere == ()
    Path(path).write_text("2")
    assert project.judged(taken).reasons == ("../shared/x.json changed (read by the run)",)


def test_what_is_read_outside_of_the_checkout_is_told(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in "abcdef":
        (outside / name).write_text(name)
    (tmp_path / "alone.csv").write_text("1")
    (tmp_path / "mine.csv").write_text("1")
    (tmp_path / "declared").mkdir()
    (tmp_path / "declared/x").write_text("1")
    project.run = replace(RUN, data=(DataSource(path=str(tmp_path / "declared")),))
    seen = {*map(str, outside.iterdir()), *(str(tmp_path / name) for name in ("alone.csv", "mine.csv", "declared/x"))}
    seen |= {"/usr/lib/python3/dist-packages/x.py", "/etc/passwd", "/proc/self/stat"}
    taken = project.taken(Observed(read=frozenset(seen), written=frozenset({str(tmp_path / "mine.csv")})))
    assert taken.elsewhere == (str(tmp_path / "alone.csv"), f"{outside}/")
    assert not taken.inputs


# --- variables --------------------------------------------------------------------------------------------------------


def test_the_value_of_a_variable_counts_and_is_nowhere_in_evidence(project: Project) -> None:
    project.run = replace(RUN, env=("MODE",))
    project.environ = {"MODE": "fast"}
    taken = project.taken(Observed())
    assert "fast" not in str(to_json(taken.inputs))
    assert project.judged(taken).reasons == ()
    assert project.judged(taken, with_state=False).unchecked == ("variables (MODE)",)
    project.environ = {"MODE": "slow"}
    assert project.judged(taken).reasons == ("the value of MODE changed (`env`)",)
    project.environ = {}
    assert project.judged(taken).reasons == ("the value of MODE changed (`env`)",)
    project.run = replace(RUN, env=("MODE", "SEED"))
    assert "`env: SEED` is new" in project.judged(taken, with_state=False).reasons


def test_two_values_with_equal_results_are_both_fresh(project: Project) -> None:
    project.run = replace(RUN, env=("MODE",))
    whole = []
    evidence: tuple[Inputs, ...] = ()
    for value in ("a", "b"):
        project.environ = {"MODE": value}
        whole.append(project.taken(Observed()).inputs)
        evidence = with_set(evidence, whole[-1].shown(code))
    assert len(evidence) == 1
    for value, fresh in (("a", True), ("b", True), ("c", False)):
        project.environ = {"MODE": value}
        assert (
            project.judge()
            .of_sets(evidence, project.run, lambda: [{"inputs": to_json(each)} for each in whole])
            .reasons
            == ()
        ) is fresh


# --- several sets -----------------------------------------------------------------------------------------------------


def test_a_set_that_agrees_adds_what_is_newly_seen() -> None:
    first = Inputs(read={"a": "1"}, absent=frozenset({"x"}))
    assert with_set((first,), Inputs(read={"a": "1"})) == (first,)
    more = Inputs(read={"a": "1", "b": "2"}, listed={"data": Names(digest="3")})
    merged = replace(first, read={"a": "1", "b": "2"}, listed=more.listed)
    assert with_set((first,), more) == (merged,)


@pytest.mark.parametrize(
    "other",
    [
        Inputs(read={"a": "2"}),
        Inputs(absent=frozenset({"a"})),
        Inputs(present=frozenset({"x"})),
        Inputs(read={"x": "1"}),
        Inputs(listed={"data": Names(digest="4")}),
    ],
)
def test_a_set_that_disagrees_is_another(other: Inputs) -> None:
    first = Inputs(read={"a": "1"}, absent=frozenset({"x"}), listed={"data": Names(digest="3")})
    assert with_set((first,), other) == (first, other)


def test_few_sets_are_kept_the_last_ones() -> None:
    sets: tuple[Inputs, ...] = ()
    for number in range(MOST_SETS + 3):
        sets = with_set(sets, Inputs(read={"a": str(number)}))
    assert [each.read["a"] for each in sets] == [str(number) for number in range(3, MOST_SETS + 3)]


def test_one_of_the_sets_is_enough(project: Project) -> None:
    first = project.taken(READ).inputs.shown(code)
    add("config/x.json")(project.root)
    second = project.taken(READ).inputs.shown(code)
    sets = with_set((first,), second)
    assert len(sets) == 2
    for text, fresh in (("config/x.json", True), ("new", True), ("other", False)):
        add("config/x.json", text)(project.root)
        assert (project.judge().of_sets(sets, RUN, list).reasons == ()) is fresh


# --- many files -------------------------------------------------------------------------------------------------------


def test_many_files_of_a_folder_have_one_hash_in_evidence(project: Project) -> None:
    names = [f"big/{number:04}.txt" for number in range(300)]
    for name in names:
        project.write(name, name)
    if (project.root / ".git").exists():
        git(project.root, "add", ".")
    taken = project.taken(Observed(read=frozenset(names)))
    shown = taken.inputs.shown(code)
    assert not shown.read
    assert len(str(to_json(shown))) < 300 * len("0000.txt/") + 200
    assert project.judged(taken).reasons == ()
    assert project.judged(taken, with_state=False).reasons == ()
    project.write("big/0007.txt", "other")
    assert project.judged(taken).reasons == ("big/0007.txt changed (read by the run)",)
    assert project.judged(taken, with_state=False).reasons == ("files in big/ changed (read by the run)",)
    (project.root / "big/0008.txt").unlink()
    assert project.judged(taken, with_state=False).reasons == ("big/0008.txt is missing (read by the run)",)


def test_files_that_look_as_they_did_are_not_hashed_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_PATIENCE", 0)
    monkeypatch.setattr(taking, "RECENT", -1000)
    taken = project.taken(Observed(read=frozenset({"data/a.csv", "config/x.json"})))
    hashed: list[str] = []
    real = Contents.hash

    def watched(self: Contents, path: Path) -> str:
        hashed.append(path.name)
        return real(self, path)

    monkeypatch.setattr(Contents, "hash", watched)
    evidence = from_json(to_json(taken.inputs.shown(code)))
    record = {"inputs": to_json(taken.inputs), "stamps": dict(taken.stamps)}
    assert project.judge().of_sets([evidence], RUN, lambda: [record]) == Judgement()
    assert hashed == []
    project.write("data/a.csv", "other")
    judged = project.judge().of_sets([evidence], RUN, lambda: [record])
    assert judged.reasons == ("data/a.csv changed (read by the run)",)
    assert hashed == ["a.csv"]


def test_the_look_of_a_file_that_was_just_written_says_nothing(project: Project) -> None:
    project.write("data/new.csv")  # another write may leave its size and times as they are
    assert project.taken(Observed(read=frozenset({"data/new.csv"}))).stamps == {}


# --- state ------------------------------------------------------------------------------------------------------------


def kept(state: State, inputs: Inputs, text: str) -> None:
    scratch = state.scratch_folder()
    (scratch / "executed.ipynb").write_text(text)
    state.keep(RUN, "f", scratch, {"inputs": to_json(inputs)})


def test_state_has_a_result_for_each_set_and_gives_the_one_that_matches(project: Project, tmp_path: Path) -> None:
    def matches(run: Run, inputs: Json) -> bool:
        return not project.judge().of(from_json(inputs), run).reasons

    state = State(tmp_path / "state", tmp_path / "key", matches=matches)
    for text in ("one", "two"):
        add("config/x.json", text)(project.root)
        kept(state, project.taken(READ).inputs, text)
    for text in ("one", "two"):
        add("config/x.json", text)(project.root)
        found = state.find(RUN, "f")
        assert found
        assert found.executed.read_text() == text
    add("config/x.json", "three")(project.root)
    assert state.find(RUN, "f") is None
    assert len(state.inputs("f")) == 2


def test_state_keeps_few_results_of_a_fingerprint(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    for number in range(MOST_SETS + 2):
        kept(state, Inputs(read={"a": str(number)}), str(number))
        for age, folder in enumerate(
            sorted((tmp_path / "state/runs").iterdir(), key=lambda path: path.stat().st_mtime)
        ):
            os.utime(folder, (OLD + age, OLD + age))
    left = {(folder / "executed.ipynb").read_text() for folder in (tmp_path / "state/runs").iterdir()}
    assert left == {str(number) for number in range(2, MOST_SETS + 2)}


def test_a_record_that_was_changed_tells_nothing(tmp_path: Path) -> None:
    state = State(tmp_path / "state", tmp_path / "key")
    kept(state, Inputs(read={"a": "1"}), "x")
    (folder,) = (tmp_path / "state/runs").iterdir()
    record = folder / "record.json"
    assert len(state.inputs("f")) == 1
    record.write_text(record.read_text().replace('"1"', '"2"'))
    assert state.inputs("f") == []
    shutil.rmtree(folder)
    assert state.inputs("f") == []
