"""What a picture is made from, besides what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gpu_doc.report import files
from gpu_doc.resources import font_folder, template_path


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
