"""The fonts that pictures are drawn with: the same ones on every machine, and none of the machine's own.

DejaVu and the coloured emoji come with gpu-doc (fonts/), other scripts with the package manimgx-fonts; Chinese,
Japanese and Korean with manimgx-fonts-cjk, which the extra `cjk` installs. Chromium asks fontconfig for fonts, also for
text in SVG images, and fontconfig is told of these folders only. GPU_DOC_FONTS names more: a user's own choice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from gpu_doc.errors import MachineError
from gpu_doc.resources import font_folder, template_path

CJK_REMEDY = "pip install 'gpu-doc[cjk]'"
_CJK = "manimgx_fonts_cjk"


def folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders that hold the fonts of pictures. Raises MachineError if manimgx-fonts is not installed."""
    scripts = _package("manimgx_fonts")
    if scripts is None:
        raise MachineError("The fonts of pictures were not found.", remedy="Install them: pip install manimgx-fonts")
    named = [Path(folder) for folder in environ.get("GPU_DOC_FONTS", "").split(os.pathsep) if folder]
    return [font_folder(), scripts, *filter(None, [_package(_CJK)]), *named]


def has_cjk() -> bool:
    """Return whether the extra `cjk` is installed."""
    return _package(_CJK) is not None


def configured(fonts: Sequence[Path], folder: Path) -> Path:
    """Write a configuration for fontconfig into a folder, which will hold its cache too. Return the file's path."""
    parts = [f"<dir>{escape(str(path))}</dir>" for path in fonts]
    parts.append(f"<cachedir>{escape(str(folder / 'fontconfig'))}</cachedir>")
    text = template_path("fonts.conf").read_text("utf-8").replace("<!-- folders -->", "\n  ".join(parts))
    file = folder / "fonts.conf"
    file.write_text(text, "utf-8")
    return file


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None
