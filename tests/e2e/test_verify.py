"""`verify` and `why` after a real refresh: in a clone, without state, as a user calls them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .conftest import Project


def test_a_clone_is_intact_until_something_in_it_is_changed(refreshed: Project, tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Results"]):
        subprocess.run([*git, *words], cwd=refreshed.root, check=True)
    clone = Project(tmp_path / "clone")
    subprocess.run([*git, "clone", "--quiet", str(refreshed.root), str(clone.root)], check=True)
    done = clone.gpu_doc("verify")
    assert "docs/report.md: intact (pictures: 1, answers: 3, runs: 1)" in done.stdout
    assert "docs/other.md: intact" in done.stdout
    assert not (clone.root / ".gpu-doc").exists()
    line = clone.read("docs/report.md").split("\n").index("It reached 90 %.") + 1
    told = clone.gpu_doc("why", f"docs/report.md:{line}").stdout
    assert "cell       #5 (accuracy), notebooks/train.ipynb:" in told
    clone.edit("notebooks/helper.py", "0.9", "0.8")
    clone.edit("docs/other.md", "-->42<!--", "-->43<!--")
    done = clone.gpu_doc("verify", code=1)
    assert "notebooks/helper.py: run train was made of something else: notebooks/helper.py changed" in done.stdout
    assert "docs/other.md:3: this block was changed: `43` stands for `42`" in done.stdout
    shutil.rmtree(clone.root)
