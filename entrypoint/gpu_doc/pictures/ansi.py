"""ANSI colours of streams and tracebacks: nbconvert says them as classes, here they become colours that can be read."""

from __future__ import annotations

import re
from typing import Literal

from gpu_doc.text.terminal_colours import Theme, background, foreground, legible

_BEHIND = {"light": "#fff5f3", "dark": "#2a1a1a"}
"""Behind standard error (templates/page.css). What can be read there can be read on the page too."""
_INVERSE = {"light": ("#ffffff", "#1f2328"), "dark": ("#0d1117", "#e6edf3")}
"""Text and background where a program exchanges those of the page."""
_SPAN = re.compile(r'<span(?: class="(?P<classes>[^"]*)")?(?: style="(?P<style>[^"]*)")?>')
_CLASS = re.compile(r"ansi-(?P<name>[a-z]+)(?P<intense>-intense|-inverse)?-(?P<part>fg|bg)")
_RGB = re.compile(r"(?P<part>background-color|color): rgb\((\d+),(\d+),(\d+)\)")


def coloured(html: str, theme: Theme) -> str:
    """Give what `nbconvert.filters.ansi2html` made, with colours for a theme in place of its classes."""
    return _SPAN.sub(lambda span: _span(span["classes"] or "", span["style"] or "", theme), html)


def _span(classes: str, style: str, theme: Theme) -> str:
    chosen: dict[str, str] = {}
    for found in _CLASS.finditer(classes):
        chosen[found["part"]] = _name(found["name"], found["intense"] or "")
    for found in _RGB.finditer(style):
        part = "fg" if found["part"] == "color" else "bg"
        chosen[part] = "{:02x}{:02x}{:02x}".format(*map(int, found.group(2, 3, 4)))
    behind = _colour(chosen.get("bg"), theme, "bg")
    text = _colour(chosen.get("fg"), theme, "fg") or foreground(chosen.get("fg", "default"), behind, theme)
    colours = [f"color:{legible(text, behind or _BEHIND[theme])}"] if text else []
    colours += [f"background:{behind}"] if behind else []
    kept = " ".join(name for name in classes.split() if not _CLASS.fullmatch(name))
    return f'<span class="{kept}" style="{";".join(colours)}">'


def _name(name: str, kind: str) -> str:
    """Give a colour the name that pyte has for it."""
    plain = {"yellow": "brown"}.get(name, name)
    return f"bright{plain}" if kind == "-intense" else plain if not kind else "inverse"


def _colour(name: str | None, theme: Theme, part: Literal["fg", "bg"]) -> str | None:
    if name == "inverse":
        return _INVERSE[theme][part == "bg"]
    return background(name) if part == "bg" and name else None
