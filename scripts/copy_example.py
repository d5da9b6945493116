"""Copies an example without its results, so that refreshing the copy really runs everything.

python scripts/copy_example.py examples/quickstart demo
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from gpu_doc import config


def copy_example(example: Path, target: Path) -> None:
    """Left out are pictures and evidence, state, and reports that are made from a template."""
    unfinished = target.with_name(f"{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(
        example, unfinished, ignore=shutil.ignore_patterns("*.assets", ".gpu-doc", "__pycache__", ".ipynb_checkpoints")
    )
    for report in config.load(unfinished / "gpu-doc.yml").reports:
        if report.template is not None:
            (unfinished / report.path).unlink(missing_ok=True)
    unfinished.rename(target)


if __name__ == "__main__":
    copy_example(Path(sys.argv[1]), Path(sys.argv[2]))
