"""What makes which run stale, and what a refresh leaves as it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from gpu_doc.record.state import SIZE_LIMIT

from .conftest import Project, code, notebook


def test_the_first_run_makes_the_reports_and_the_second_runs_nothing(project: Project) -> None:
    first = project.gpu_doc("run")
    assert "2 runs executed" in first.stdout
    report = project.read("docs/report.md")
    assert "It reached 90 %" in report
    assert "lr 0.5 rows 3" in report
    assert "](report.assets/" in report
    assert 'The answer is <!-- gpu-doc: value("other/answer") -->42<!-- gpu-doc: end -->, a person' in project.read(
        "docs/other.md"
    )
    before = project.files()
    second = project.gpu_doc("run")
    assert "All fresh" in second.stdout
    assert project.files() == before


def test_forcing_an_unchanged_run_changes_not_one_byte(refreshed: Project) -> None:
    before = refreshed.files()
    done = refreshed.gpu_doc("run", "--force")
    assert "2 runs executed" in done.stdout
    assert refreshed.files() == before


def test_a_fresh_clone_without_state_runs_nothing(refreshed: Project) -> None:
    shutil.rmtree(refreshed.root / ".gpu-doc")
    assert refreshed.stale_runs() == {}
    assert "All fresh" in refreshed.gpu_doc("run").stdout
    assert not (refreshed.root / ".gpu-doc").exists(), "a refresh with nothing to do writes nothing"


@pytest.mark.parametrize(
    ("file", "before", "after", "runs", "reason"),
    [
        ("gpu-doc.yml", "lr: 0.5", "lr: 0.6", ["train"], "parameters.lr 0.5 → 0.6"),
        ("notebooks/train.ipynb", "'lr', lr", "'LR', lr", ["train"], "code cell #3 (log) changed"),
        ("notebooks/helper.py", "0.9", "0.8", ["train"], "notebooks/helper.py changed"),
        ("data/rows.csv", "3", "4", ["train"], "data/rows.csv changed"),
        ("notebooks/other.ipynb", "6 * 7", "6 * 8", ["other"], "code cell #1 (answer) changed"),
    ],
)
def test_an_edit_names_exactly_the_runs_concerned_and_why(
    refreshed: Project, file: str, before: str, after: str, runs: list[str], reason: str
) -> None:
    refreshed.edit(file, before, after)
    stale = refreshed.stale_runs()
    assert list(stale) == runs
    assert stale[runs[0]] == [reason]


def test_editing_what_cannot_matter_names_no_run(refreshed: Project) -> None:
    whole = json.loads(refreshed.read("notebooks/train.ipynb"))
    whole["cells"][0]["source"] = "# Another heading"
    whole["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "stored"}]
    whole["cells"][1]["execution_count"] = 7
    whole["cells"][2]["metadata"]["collapsed"] = True
    whole["metadata"]["language_info"] = {"name": "python"}
    refreshed.write({"notebooks/train.ipynb": json.dumps(whole)})
    assert refreshed.stale_runs() == {}
    assert refreshed.stale_reports() == {}


def test_a_parameter_set_back_is_found_in_state(refreshed: Project) -> None:
    before = refreshed.files()
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    refreshed.gpu_doc("run")
    assert refreshed.files() != before
    refreshed.edit("gpu-doc.yml", "lr: 0.6", "lr: 0.5")
    assert refreshed.stale_runs() == {}
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert refreshed.files() == before


@pytest.mark.parametrize("state", [True, False])
def test_a_change_of_the_template_alone_renders_without_running(refreshed: Project, *, state: bool) -> None:
    if not state:
        shutil.rmtree(refreshed.root / ".gpu-doc")
    refreshed.edit("templates/report.md.j2", "# Report", "# A better title")
    assert refreshed.stale_runs() == {}
    assert refreshed.stale_reports() == {"docs/report.md": ["templates/report.md.j2 changed"]}
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert "# A better title" in refreshed.read("docs/report.md")
    assert refreshed.stale_reports() == {}


def test_a_template_that_asks_for_more_runs_only_where_nothing_holds_it(refreshed: Project) -> None:
    refreshed.edit(
        "templates/report.md.j2", "# Report", '# Report {{ value("train/accuracy") }}\n{{ text("train/accuracy") }}'
    )
    assert refreshed.stale_runs() == {}
    shutil.rmtree(refreshed.root / ".gpu-doc")
    [reason] = refreshed.stale_runs()["train"]
    assert "neither state nor evidence holds it" in reason
    assert "1 run executed" in refreshed.gpu_doc("run").stdout


def test_deleted_evidence_is_made_again_from_state(refreshed: Project) -> None:
    before = refreshed.files()
    (refreshed.root / "docs/report.assets/evidence.json").unlink()
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert refreshed.files() == before


def test_a_merge_conflict_in_evidence_counts_as_absent(refreshed: Project) -> None:
    before = refreshed.files()
    refreshed.edit("docs/report.assets/evidence.json", '"format": 3', "<<<<<<< ours\n=======\n>>>>>>> theirs")
    refreshed.gpu_doc("run")
    assert refreshed.files() == before


def test_a_missing_picture_comes_back_from_state(refreshed: Project) -> None:
    before = refreshed.files()
    [picture] = [name for name in before if name.endswith(".png")]
    (refreshed.root / picture).unlink()
    assert refreshed.stale_reports() == {"docs/report.md": [f"{picture} is missing"]}
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert refreshed.files() == before


def test_a_hand_edited_report_is_found_kept_and_rendered_again(refreshed: Project) -> None:
    before = refreshed.files()
    refreshed.edit("docs/report.md", "It reached", "It surely reached")
    found = refreshed.gpu_doc("check", code=1)
    lines = refreshed.read("docs/report.md").splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if "surely" in line)
    assert f"docs/report.md:{number}: edited by hand" in found.stdout
    done = refreshed.gpu_doc("run")
    assert "0 runs executed" in done.stdout
    assert f"docs/report.md:{number}" in done.stderr
    assert refreshed.files() == before
    [kept] = (refreshed.root / ".gpu-doc/edited").rglob("report.md")
    assert "surely" in kept.read_text()


def test_a_hand_edited_block_is_found_with_its_line(refreshed: Project) -> None:
    refreshed.edit("docs/other.md", "-->42<!--", "-->43<!--")
    assert "docs/other.md:3: edited by hand" in refreshed.gpu_doc("check", code=1).stdout
    refreshed.gpu_doc("run")
    assert "-->42<!--" in refreshed.read("docs/other.md")


def test_prose_around_blocks_is_a_persons_own(refreshed: Project) -> None:
    refreshed.edit("docs/other.md", "a person wrote", "a person wrote better")
    assert "All fresh" in refreshed.gpu_doc("check").stdout


def test_check_finds_a_stale_report_and_changes_nothing(refreshed: Project) -> None:
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    before = refreshed.files()
    assert "parameters.lr 0.5 → 0.6" in refreshed.gpu_doc("check", code=1).stdout
    assert refreshed.files() == before


def test_a_new_fingerprint_with_the_same_results_changes_evidence_alone(refreshed: Project) -> None:
    before = refreshed.files()
    refreshed.edit("notebooks/helper.py", "def score", "UNUSED = 1\n\n\ndef score")
    assert "1 run executed" in refreshed.gpu_doc("run").stdout
    after = refreshed.files()
    assert [name for name in after if after[name] != before[name]] == ["docs/report.assets/evidence.json"]


def test_reports_that_share_a_run_execute_it_once(project: Project) -> None:
    shared = ("docs/other.md", "docs/third.md")
    project.write({"docs/third.md": 'x <!-- gpu-doc: value("same/answer") -->?<!-- gpu-doc: end -->\n'})
    config = project.read("gpu-doc.yml")
    project.write(
        {"gpu-doc.yml": config + "  - path: docs/third.md\n    runs:\n      same: {notebook: notebooks/other.ipynb}\n"}
    )
    assert "1 run executed" in project.gpu_doc("run", *shared).stdout
    assert all("-->42<!--" in project.read(path) for path in shared)


def test_an_obsolete_picture_is_removed(refreshed: Project) -> None:
    refreshed.edit("templates/report.md.j2", '{{ shot("train/curve", caption="The curve") }}\n', "")
    refreshed.gpu_doc("run")
    assert sorted(refreshed.files("docs/report.assets")) == ["docs/report.assets/evidence.json"]


def test_a_cell_that_gets_a_name_later_need_not_run_again(refreshed: Project) -> None:
    whole = json.loads(refreshed.read("notebooks/train.ipynb"))
    whole["cells"][3]["metadata"]["tags"] = ["log", "second-name"]
    refreshed.write({"notebooks/train.ipynb": json.dumps(whole)})
    refreshed.edit("templates/report.md.j2", "train/log", "train/second-name")
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout
    assert "lr 0.5 rows 3" in refreshed.read("docs/report.md")


def test_evidence_names_the_commit_only_of_a_clean_checkout(refreshed: Project) -> None:
    import subprocess

    def git(*words: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=refreshed.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "x")
    refreshed.edit("notebooks/other.ipynb", "6 * 7", "6 * 8")
    git("commit", "-qam", "y")
    refreshed.gpu_doc("run")
    assert refreshed.evidence("docs/other")["runs"]["other"]["made"]["commit"] == git("rev-parse", "HEAD")
    refreshed.edit("notebooks/other.ipynb", "6 * 8", "6 * 9")
    refreshed.gpu_doc("run")
    assert refreshed.evidence("docs/other")["runs"]["other"]["made"]["commit"] is None


def test_unused_runs_leave_evidence_with_their_configuration(refreshed: Project) -> None:
    refreshed.write({"notebooks/more.ipynb": notebook(code("1", "one"))})
    refreshed.edit("gpu-doc.yml", "      other: {", "      more: {notebook: notebooks/more.ipynb}\n      other: {")
    assert list(refreshed.stale_runs()) == ["more"]
    refreshed.gpu_doc("run")
    assert set(refreshed.evidence("docs/other")["runs"]) == {"other", "more"}
    refreshed.edit("gpu-doc.yml", "      more: {notebook: notebooks/more.ipynb}\n", "")
    assert refreshed.stale_reports() == {"docs/other.md": ["run more is no longer configured"]}
    refreshed.gpu_doc("run")
    assert set(refreshed.evidence("docs/other")["runs"]) == {"other"}


def test_equal_notebooks_in_two_folders_do_not_share_a_result(empty: Project) -> None:
    reads = notebook(code("open('name.txt').read()", "name"))
    config = "reports:\n  - path: docs/r.md\n    runs:\n"
    for folder in ("a", "b"):
        empty.write({f"{folder}/n.ipynb": reads, f"{folder}/name.txt": f"from {folder}"})
        config += f"      {folder}: {{notebook: {folder}/n.ipynb}}\n"
    block = '<!-- gpu-doc: value("{0}/name") -->?<!-- gpu-doc: end -->'
    empty.write({"gpu-doc.yml": config, "docs/r.md": f"x {block.format('a')} {block.format('b')}\n"})
    assert "2 runs executed" in empty.gpu_doc("run").stdout
    assert "-->from a<!--" in empty.read("docs/r.md")
    assert "-->from b<!--" in empty.read("docs/r.md")


@pytest.mark.full
def test_a_value_may_be_a_mapping_of_which_the_template_takes_a_part(refreshed: Project) -> None:
    refreshed.edit(
        "notebooks/train.ipynb",
        '"source": "accuracy"',
        '"source": "from IPython.display import JSON\\nJSON({\\"best\\": 0.5})"',
    )
    refreshed.edit("templates/report.md.j2", 'value("train/accuracy")|', 'value("train/accuracy").best|')
    refreshed.gpu_doc("run")
    assert "It reached 50 %." in refreshed.read("docs/report.md")
    again = refreshed.gpu_doc("run", "--force")
    assert "no evidence" not in again.stderr
    assert refreshed.stale_reports() == {}


def test_what_flipped_in_state_is_made_again_and_never_published(refreshed: Project) -> None:
    before, state = refreshed.files(), refreshed.root / ".gpu-doc"
    pictures = list((refreshed.root / "docs/report.assets").glob("*.png"))
    for path in state.glob("pictures/*.png"):
        flip(path)
    for path in pictures:
        path.unlink()
    assert "0 runs executed" in refreshed.gpu_doc("run").stdout, "the runs' results are whole"
    assert refreshed.files() == before
    for path in state.glob("runs/*/executed.ipynb"):
        flip(path)
    shutil.rmtree(refreshed.root / "docs/report.assets")
    assert "1 run executed" in refreshed.gpu_doc("run").stdout
    assert set(refreshed.files()) == set(before)
    assert "All fresh" in refreshed.gpu_doc("run").stdout


def flip(path: Path) -> None:
    """One bit of a byte in the middle, as a bad disk or memory does it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def test_state_is_pruned_after_a_refresh(refreshed: Project) -> None:
    """By its size: a file that holds no blocks counts with what it says to have."""
    left = refreshed.root / ".gpu-doc/failed/train-20260101-000000-abcdef"
    left.mkdir(parents=True)
    with (left / "executed.ipynb").open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    os.utime(left, (1000, 1000))
    assert "All fresh" in refreshed.gpu_doc("run").stdout
    assert left.exists(), "a refresh with nothing to do touches nothing"
    refreshed.edit("notebooks/other.ipynb", "6 * 7", "6 * 8")
    assert "1 run executed" in refreshed.gpu_doc("run").stdout
    assert not left.exists()
    assert list((refreshed.root / ".gpu-doc/runs").iterdir()), "what was used last stays"


@pytest.mark.parametrize("state", ["with state", "without state"])
def test_an_answer_that_was_forged_in_evidence_is_never_shown(refreshed: Project, state: str) -> None:
    if state == "without state":
        shutil.rmtree(refreshed.root / ".gpu-doc")
    path = "docs/report.assets/evidence.json"
    before = refreshed.read(path)
    refreshed.edit(path, '"value": 0.905', '"value": 0.995')
    assert 'value("train/accuracy") does not fit its checksum' in refreshed.gpu_doc("check", code=1).stdout
    refreshed.edit("templates/report.md.j2", "It reached", "It got to")
    done = refreshed.gpu_doc("run")
    assert ("0 runs" if state == "with state" else "1 run") in done.stdout
    assert "It got to 90 %" in refreshed.read("docs/report.md")
    assert json.loads(refreshed.read(path))["answers"] == json.loads(before)["answers"]
    assert "All fresh" in refreshed.gpu_doc("check").stdout


def test_a_number_and_the_texts_hash_forged_alike(refreshed: Project) -> None:
    shutil.rmtree(refreshed.root / ".gpu-doc")
    before = refreshed.files()
    path = "docs/report.assets/evidence.json"
    text = refreshed.read("docs/report.md")
    forged = re.sub(r"It reached \d+ %", "It reached 99 %", text)
    assert forged != text
    refreshed.write({"docs/report.md": forged})
    refreshed.edit(path, *(hashlib.sha256(each.encode()).hexdigest() for each in (text, forged)))
    assert "does not fit its checksum" in refreshed.gpu_doc("check", code=1).stdout
    assert "0 runs" in refreshed.gpu_doc("run").stdout
    assert refreshed.files() == before


def test_a_parameter_changed_in_configuration_and_evidence_alike(refreshed: Project) -> None:
    shutil.rmtree(refreshed.root / ".gpu-doc")
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    refreshed.edit("docs/report.assets/evidence.json", '"lr": 0.5', '"lr": 0.6')
    why = ["what evidence says of it does not fit its checksum"]
    assert refreshed.stale_runs() == {"train": why}
