"""Which fonts pictures are drawn with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gpu_doc.errors import MachineError
from gpu_doc.pictures import fonts
from gpu_doc.resources import font_folder


def test_fonts_come_with_packages_and_not_from_the_machine() -> None:
    names = [folder.name for folder in fonts.folders({"HOME": "/root", "XDG_DATA_HOME": "/usr/share"})]
    assert names == ["fonts", "manimgx_fonts", "manimgx_fonts_cjk"]


def test_a_user_may_name_more_of_them() -> None:
    assert fonts.folders({"GPU_DOC_FONTS": "/a:/b c"})[-2:] == [Path("/a"), Path("/b c")]


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
    with pytest.raises(MachineError, match="fonts of pictures") as raised:
        fonts.folders({})
    assert raised.value.remedy == "Install them: pip install manimgx-fonts"


def test_the_configuration_names_these_folders_and_no_other(tmp_path: Path) -> None:
    file = fonts.configured([Path("/a & b"), Path("/<c>")], tmp_path)
    root = ElementTree.parse(file).getroot()
    assert [each.text for each in root.iter("dir")] == ["/a & b", "/<c>"]
    assert [each.text for each in root.iter("cachedir")] == [str(tmp_path / "fontconfig")]
    assert list(root.iter("include")) == []


def test_the_list_of_sums_is_that_of_the_fonts() -> None:
    """`scripts/action` takes the list for the fonts."""
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=font_folder(), check=True)
    listed = {line.split()[1] for line in (font_folder() / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in font_folder().iterdir()} - {"SHA256SUMS"}
