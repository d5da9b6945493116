"""Text from elsewhere without what would steer a terminal."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # strings: titles, links, the clipboard
    r"|\x1b[ -/]*[0-~]?"  # what else begins with an escape
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line end; and those that turn the direction of text, which can hide what is there."""


def plain(text: str) -> str:
    """Return text without escape sequences and control characters, as anything from a notebook is printed."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
