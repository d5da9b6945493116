"""What a picture is made from, besides what it shows."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures import formulas, scripts
from gpu_doc.pictures.capture import Camera
from gpu_doc.report import files
from gpu_doc.resources import font_folder, template_path
from gpu_doc.system.python_environment import PythonEnvironment


@pytest.mark.parametrize("name", ["templates/page.css", "templates/fonts.conf", "fonts/SHA256SUMS"])
def test_styles_and_fonts_are_part_of_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(template_path(""), tmp_path / "templates")
    (tmp_path / "fonts").mkdir()
    shutil.copy(font_folder() / "SHA256SUMS", tmp_path / "fonts")
    monkeypatch.setattr(files, "template_path", lambda name: tmp_path / "templates" / name)
    monkeypatch.setattr(files, "font_folder", lambda: tmp_path / "fonts")
    before = files._page.__wrapped__()
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    assert files._page.__wrapped__() != before


def test_so_is_mathjax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files._page.__wrapped__()
    (tmp_path / "tex-svg-full.js").write_text("another version")
    monkeypatch.setattr(formulas, "script", lambda: tmp_path / "tex-svg-full.js")
    assert files._page.__wrapped__() != before


FIGURE: dict[str, Any] = {"application/vnd.plotly.v1+json": {"data": [], "layout": {}}}
CHART = {"application/vnd.vegalite.v5+json": {"mark": "bar"}}
TEXT = {"text/html": "<p>Plotly.newPlot and vega</p>"}


def drawn_by(packages: Path, data: dict[str, Any]) -> str:
    environment = PythonEnvironment(Path(sys.executable), "3.11", (str(packages),))
    shown = Exhibit(kind="output", outputs=({"output_type": "display_data", "data": data},), width=880, scale=2)
    with Camera(lambda: Path("/none"), environ={}, environment=lambda: environment) as camera:
        return camera.drawn_by(shown)


def test_the_version_of_a_library_is_part_of_what_it_draws(tmp_path: Path) -> None:
    def installed(plotly: str, vega: str) -> Path:
        place = tmp_path / f"{plotly} {vega}"
        for folder in ("plotly/package_data", "vl_convert", f"vl_convert-{vega}.dist-info"):
            (place / folder).mkdir(parents=True)
        (place / "plotly/package_data/plotly.min.js").write_text(f"/** plotly.js v{plotly} */")
        return place

    old, new = installed("3.0.0", "1.8.0"), installed("3.1.0", "1.9.0")
    for data in (FIGURE, CHART):
        assert drawn_by(old, data) == drawn_by(old, data) != ""
        assert drawn_by(old, data) != drawn_by(new, data)
    assert drawn_by(old, FIGURE) == drawn_by(installed("3.0.0", "2.0.0"), FIGURE)
    assert drawn_by(old, TEXT) == drawn_by(new, TEXT) == ""


def test_our_own_pages_are_part_of_what_scripts_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scripts._live_pages.__wrapped__()
    shutil.copytree(template_path(""), tmp_path / "templates")
    (tmp_path / "templates/live-vega.js").write_text("another")
    monkeypatch.setattr(scripts, "template_path", lambda name: tmp_path / "templates" / name)
    assert scripts._live_pages.__wrapped__() != before
