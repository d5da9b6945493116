"""`verify` and `why` after a real refresh: in a clone, without state, as a user calls them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from gpu_doc.record import evidence

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


def test_with_state_a_consistent_forgery_of_a_value_is_found_too(refreshed: Project) -> None:
    assert "docs/other.md: intact" in refreshed.gpu_doc("verify", "docs/other.md").stdout
    path = refreshed.root / "docs/other.assets/evidence.json"
    whole = json.loads(path.read_text())
    (answer,) = whole["answers"].values()
    answer["value"] = 43
    whole["text"] = [[expression, hashlib.sha256(b"43").hexdigest()] for expression, *_ in whole["text"]]
    for part in (whole, answer, *whole["runs"].values()):
        del part["checksum"]
    known = evidence.parse(json.dumps(whole).encode())
    assert known is not None
    path.write_bytes(known.to_bytes())
    refreshed.edit("docs/other.md", "-->42<!--", "-->43<!--")
    done = refreshed.gpu_doc("verify", "docs/other.md", code=1)
    assert 'value("other/answer"): its run gave 42, says state' in done.stdout
    shutil.rmtree(refreshed.root / ".gpu-doc")
    done = refreshed.gpu_doc("verify", "docs/other.md")
    assert "docs/other.md: intact" in done.stdout, "who forges everything alike is not found: signatures are for that"
    assert "not compared: values with what their runs gave: state has no such result here of other" in done.stdout
