"""What may be uncommitted when results are published: what we, a run, or an interpreter wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc.model.configuration import Config, Report, Run
from gpu_doc.publish.checked_out import _is_written
from gpu_doc.publish.layout import Layout


@pytest.mark.parametrize(
    ("path", "is_written"),
    [
        ("site/docs/a.md", True),
        ("site/docs/a.assets/evidence.json", True),
        ("site/docs/a.assets.txt", False),
        ("site/notebooks/figures/b/loss.png", True),  # where the run happens
        ("site/figures/loss.png", True),  # in root
        ("site/other/figures/loss.png", False),
        ("site/out.csv", True),
        ("site/data/out.csv", False),  # `*` stays in its folder
        ("site/src/__pycache__/a.pyc", True),
        ("site/.ipynb_checkpoints/a.ipynb", True),
        ("site/node_modules/a/index.js", True),
        ("site/src/__pycache__", False),
        ("site/rate.txt", False),
        ("figures/loss.png", False),
    ],
)
def test_what_was_written_may_be_uncommitted(tmp_path: Path, path: str, is_written: bool) -> None:  # noqa: FBT001 - a table of cases
    run = Run(
        report="docs/a.md",
        name="r",
        address="r",
        line=1,
        notebook="notebooks/n.ipynb",
        produces=("figures", "*.csv"),
    )
    report = Report(path="docs/a.md", line=1, runs=(run,))
    config = Config(path=tmp_path / "site/gpu-doc.yml", root=tmp_path / "site", reports=(report,))
    (tmp_path / "site").mkdir()
    assert _is_written(Layout(root=tmp_path / "site", tree=tmp_path), config, path) is is_written
