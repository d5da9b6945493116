"""A checkout without the files of Git LFS, as actions/checkout leaves it: pointers wherever a file is read."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.conftest import Project


def git(folder: Path, *words: str, **environ: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    done = subprocess.run(
        ["git", *words], cwd=folder, env=os.environ | identity | environ, check=True, capture_output=True, text=True
    )
    return done.stdout


def pointer(content: bytes) -> str:
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(content).hexdigest()}\nsize {len(content)}\n"
    )


def replaced(project: Project, name: str) -> bytes:
    """Put a pointer where a file stood; gives what the file held."""
    content = (project.root / name).read_bytes()
    project.write({name: pointer(content)})
    return content


@pytest.mark.needs("chromium")
@pytest.mark.needs("git-lfs")
@pytest.mark.full
def test_pictures_that_were_not_fetched_are_made_anew_where_they_differ(refreshed: Project, tmp_path: Path) -> None:
    git(refreshed.root, "init", "-q", "-b", "main")
    git(refreshed.root, "lfs", "install", "--local")
    git(refreshed.root, "lfs", "track", "*.png")
    git(refreshed.root, "add", "-A")
    git(refreshed.root, "commit", "-qm", "published")
    clone = tmp_path / "clone"
    git(refreshed.root, "clone", "-q", ".", str(clone), GIT_LFS_SKIP_SMUDGE="1")
    there = Project(clone)
    [name] = there.evidence()["files"]
    picture = f"docs/report.assets/{name}"
    assert there.read(picture).startswith("version https://git-lfs")
    there.gpu_doc("check")
    there.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    there.gpu_doc("run")
    assert (clone / picture).read_bytes().startswith(b"\x89PNG")
    there.gpu_doc("check")
    # Another result, the same picture: what is published stays, pointer or not.
    git(clone, "checkout", "-q", "--", ".", GIT_LFS_SKIP_SMUDGE="1")
    there.edit("notebooks/train.ipynb", "print('lr', lr,", "print('rate', lr,")
    there.gpu_doc("run")
    assert there.read(picture).startswith("version https://git-lfs")


def test_what_was_not_fetched_is_refused_before_anything_runs(refreshed: Project) -> None:
    """The fingerprint takes a pointer for its file: a run that read the pointer would be taken for one of the file."""
    refreshed.edit("gpu-doc.yml", "lr: 0.5", "lr: 0.6")
    cases = [
        ("notebooks/train.ipynb", 3),
        ("templates/report.md.j2", 2),
        ("docs/report.assets/evidence.json", 2),
        ("data/rows.csv", 5),
        ("notebooks/helper.py", 5),
    ]
    before = refreshed.read("docs/report.md")
    for name, status in cases:
        content = replaced(refreshed, name)
        refreshed.gpu_doc("plan")
        done = refreshed.gpu_doc("run", "docs/report.md", code=status)
        assert name in done.stderr
        assert "git lfs pull" in done.stderr
        assert "0 runs executed" in done.stdout
        assert refreshed.read("docs/report.md") == before
        (refreshed.root / name).write_bytes(content)
    replaced(refreshed, "docs/other.md")
    assert refreshed.stale_reports()["docs/other.md"] == ["docs/other.md was not fetched from Git LFS"]
    assert "git lfs pull" in refreshed.gpu_doc("run", "docs/other.md", code=2).stderr


@pytest.mark.full
def test_a_pointer_that_a_run_leaves_is_no_table_and_no_picture(empty: Project) -> None:
    empty.write(
        {
            "gpu-doc.yml": "reports:\n  - path: a.md\n    runs:\n"
            "      copy: {command: [sh, -c, cp data.csv o.csv; cp data.csv o.png], produces: [o.csv, o.png]}\n",
            "data.csv": pointer(b"a,b\n1,2\n"),
        }
    )
    for call in ('table("copy/file:o.csv")', 'image("copy/file:o.png")', 'text("copy/file:o.csv")'):
        empty.write({"a.md": f"<!-- gpu-doc: {call} -->\n<!-- gpu-doc: end -->\n"})
        done = empty.gpu_doc("run", code=2)
        assert "pointer of Git LFS" in done.stderr
        assert "git lfs pull" in done.stderr


@pytest.mark.parametrize("name", ["b.md", "b.py"])
def test_a_notebook_in_text_that_was_not_fetched_is_no_notebook_without_cells(empty: Project, name: str) -> None:
    empty.write(
        {
            "gpu-doc.yml": f"reports:\n  - path: a.md\n    runs: {{a: {{notebook: {name}}}}}\n",
            "a.md": "<!-- gpu-doc: value('a/x') -->\n<!-- gpu-doc: end -->\n",
            name: pointer(b"# Text\n"),
        }
    )
    assert f'`git lfs pull --include="{name}"`' in empty.gpu_doc("run", code=3).stderr
