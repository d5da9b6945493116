"""Checkouts in which text has other line ends than in git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Project

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, env=os.environ | IDENTITY, check=True, capture_output=True, text=True
    )
    return done.stdout


def committed(project: Project) -> None:
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "published")


def cloned(project: Project, folder: Path, *options: str) -> Project:
    git(project.root, "clone", "-q", *options, ".", str(folder))
    return Project(folder)


def has_crlf(project: Project, name: str) -> bool:
    return b"\r\n" in (project.root / name).read_bytes()


@pytest.mark.needs("chromium")
def test_a_checkout_with_crlf_is_fresh_and_a_refresh_there_changes_what_git_would_see(
    refreshed: Project, tmp_path: Path
) -> None:
    committed(refreshed)
    there = cloned(refreshed, tmp_path / "clone", "-c", "core.autocrlf=true")
    texts = ("templates/report.md.j2", "notebooks/helper.py", "data/rows.csv", "docs/report.md", "docs/other.md")
    assert all(has_crlf(there, name) for name in (*texts, "docs/report.assets/evidence.json"))
    there.gpu_doc("check")
    assert there.stale_runs() == {}
    before = there.files()
    there.gpu_doc("run", "--force", "docs/report.md")
    assert there.files() == before
    # What a person changes is found, and what is written then has the checkout's line ends.
    there.edit("notebooks/helper.py", "0.9 +", "0.8 +")
    assert there.stale_runs() == {"train": ["notebooks/helper.py changed"]}
    there.gpu_doc("run")
    assert "80 %" in there.read("docs/report.md")
    assert all(has_crlf(there, name) for name in ("docs/report.md", "docs/report.assets/evidence.json"))
    there.gpu_doc("check")
    changed = [line.split()[-1] for line in git(there.root, "status", "--porcelain", "--", ":!*.pyc").splitlines()]
    assert sorted(changed) == ["docs/report.assets/evidence.json", "docs/report.md", "notebooks/helper.py"]
    # Another checkout of the same has LF, and finds it fresh.
    git(there.root, "commit", "-qam", "changed")
    plain = cloned(there, tmp_path / "plain")
    assert not has_crlf(plain, "docs/report.md")
    plain.gpu_doc("check")


@pytest.mark.needs("chromium")
def test_attributes_decide_and_what_git_does_not_convert_counts_by_its_bytes(
    refreshed: Project, tmp_path: Path
) -> None:
    refreshed.write({".gitattributes": "* text=auto eol=crlf\n*.csv -text\n"})
    committed(refreshed)
    there = cloned(refreshed, tmp_path / "clone")
    assert has_crlf(there, "notebooks/helper.py")
    there.gpu_doc("check")
    (there.root / "data/rows.csv").write_bytes(b"1\r\n2\r\n3\r\n")
    assert there.stale_runs() == {"train": ["data/rows.csv changed"]}
    # Without any conversion, CRLF is a change of data; Python that does the same is none.
    plain = cloned(refreshed, tmp_path / "plain")
    (plain.root / ".gitattributes").unlink()
    git(plain.root, "config", "core.autocrlf", "false")
    assert plain.stale_runs() == {}


@pytest.mark.full
def test_what_is_first_made_in_a_checkout_with_crlf_is_fresh_in_every_other(project: Project, tmp_path: Path) -> None:
    """The report is in no commit yet: what git would store of it is a matter of settings alone."""
    project.edit("gpu-doc.yml", "  - path: docs/report.md", "  - path: docs/new.md")
    project.edit("gpu-doc.yml", "template: templates/report.md.j2", "template: templates/new.md.j2")
    project.write({"templates/new.md.j2": '# New\n\n{{ text("train/log") }}\n'})
    committed(project)
    there = cloned(project, tmp_path / "clone", "-c", "core.autocrlf=true")
    there.gpu_doc("run")
    git(there.root, "add", "-A")
    git(there.root, "commit", "-qm", "made")
    cloned(there, tmp_path / "plain").gpu_doc("check")
    again = cloned(there, tmp_path / "again", "-c", "core.autocrlf=true")
    again.gpu_doc("check")


def test_a_file_with_blocks_keeps_its_line_ends_whatever_git_does(refreshed: Project, tmp_path: Path) -> None:
    block = "<!-- gpu-doc: text(\r\n  'other/answer') -->\r\nold\r\n<!-- gpu-doc: end -->\r\n"
    text = f"# Other\r\n\r\nBy hand.\r\n\r\n{block}\nLF\n"
    (refreshed.root / "docs/other.md").write_bytes(text.encode())
    refreshed.gpu_doc("run")
    committed(refreshed)
    now = (refreshed.root / "docs/other.md").read_bytes().decode()
    assert now == text.replace("old", "```text\r\n42\r\n```")
    refreshed.gpu_doc("check")
    there = cloned(refreshed, tmp_path / "clone", "-c", "core.autocrlf=true")
    there.gpu_doc("check")
