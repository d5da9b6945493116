"""Our contender: photographs outputs of executed notebooks, or figures of Plotly's.

Usage: python -m benchmarks.our_pictures JOB.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.capture import Camera
from gpu_doc.system.python_environment import PythonEnvironment

WIDTH = 880
"""CSS pixels, as gpu-doc's default."""


def exhibits(notebook: Path, *, scale: int) -> list[Exhibit]:
    """One exhibit for each cell that has outputs, in order."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    return [
        Exhibit(
            kind="output", outputs=tuple(cell["outputs"]), width=WIDTH, scale=scale, name=f"{notebook}/{cell['id']}"
        )
        for cell in cells
        if cell["outputs"]
    ]


def figure(content: dict[str, Any], *, scale: int) -> Exhibit:
    """A figure of Plotly's as Jupyter has it where no renderer is chosen."""
    output = {"output_type": "display_data", "data": {"application/vnd.plotly.v1+json": content}, "metadata": {}}
    return Exhibit(kind="output", outputs=(output,), width=WIDTH, scale=scale, name="figure")


def main(job: dict[str, Any], environ: dict[str, str]) -> None:
    asked = [exhibit for path in job.get("notebooks", ()) for exhibit in exhibits(Path(path), scale=job["scale"])]
    asked += [figure(content, scale=job["scale"]) for content in job.get("figures", ())]
    packages = PythonEnvironment(Path(sys.executable), "3", (job.get("packages", ""),))
    with Camera(lambda: Path(job["chromium"]), environ=environ, environment=lambda: packages) as camera:
        camera.warm_up()
        shots = camera.photograph(asked)
    for output, shot in zip(job["outputs"], shots, strict=True):
        if not isinstance(shot, Photograph):
            raise shot
        Path(output).write_bytes(shot.png)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")), dict(os.environ))
