"""The same characters give the same pixels, whatever fonts the machine has; what no font has is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gpu_doc.resources import font_folder

from .pictures import exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")

KINDS = [
    exhibit(stream("text: │中文│한국어│✅│ ไทย हिन्दी ⠋")),
    html(
        "<p style='font-family: Courier New, monospace'>mono</p><p style='font-family: sans-serif'>sans ไทย हिन्दी</p>"
    ),
    html("<svg width='300' height='30'><text x='2' y='20' font-family='Times, serif'>drawn ไทย 中文 ✅</text></svg>"),
]


def other_machine(folder: Path) -> dict[str, str]:
    """An environment whose generic families are another font, and which has more fonts."""
    (folder / ".config/fontconfig").mkdir(parents=True)
    (folder / ".fonts").mkdir()
    shutil.copy(font_folder() / "DejaVuSerif.ttf", folder / ".fonts")
    aliases = "".join(
        f"<match><test name='family'><string>{family}</string></test>"
        "<edit name='family' mode='assign' binding='same'><string>DejaVu Serif</string></edit></match>"
        for family in ("sans-serif", "serif", "monospace", "DejaVu Sans Mono", "DejaVu Sans")
    )
    file = folder / ".config/fontconfig/fonts.conf"
    file.write_text(f"<fontconfig><dir>{folder}/.fonts</dir>{aliases}</fontconfig>")
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config"), "FONTCONFIG_FILE": str(file)}


def test_the_fonts_of_the_machine_change_no_pixel(tmp_path: Path) -> None:
    with new_camera() as here, new_camera(environ={**os.environ, **other_machine(tmp_path)}) as there:
        assert taken(here, *KINDS) == taken(there, *KINDS)
