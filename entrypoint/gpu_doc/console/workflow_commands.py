"""Writes the workflow commands of GitHub's runner, and makes text safe in which the runner must find none.

The runner reads each line that a step prints, up to LF, CR or both (ActionCommand.cs in github.com/actions/runner):
`::name key=value::data` is a command at the beginning of a line, after any blanks; the older `##[name]data` is one
anywhere in a line. The log viewer folds at `##[group]` at the beginning of a line, also in a command's data.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Level = Literal["error", "warning", "notice"]

SHOWN = 10
"""How many annotations of each level GitHub shows for one step; the others are only in the log."""

LONGEST_MESSAGE = 4000
"""The most characters of an annotation's message; the runner cuts it at 4096."""

_LONGEST_TITLE = 200


class FileLines(NamedTuple):
    """Lines of a file, whose name is relative to the repository's top; 0 is no line."""

    file: str
    line: int = 0
    end_line: int = 0


_BLANK = " \t\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Invisible characters, which .NET ignores when it compares strings by culture (Default_Ignorable_Code_Point).
_UNSEEN = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
_UNSEEN += "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
# Compiled when first used: most calls are not on a runner.
_COMMAND = rf"(?m)^([{_BLANK}{_UNSEEN}]*):(?=[{_UNSEEN}]*:)"
_OLDER_COMMAND = rf"#(?=[{_UNSEEN}]*#[{_UNSEEN}]*\[)"


def without_commands(text: str) -> str:
    """Return text in which a runner finds no command: `::` at a line's start and `##[` anywhere get a space inside."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(_OLDER_COMMAND, "# ", re.sub(_COMMAND, r"\1: ", text))


def command(name: str, data: str = "", **properties: str | int) -> str:
    """Return one workflow command on one line, without properties that are empty or 0.

    The data may have several lines. The runner prints them unchanged, so they must not be commands either.
    """
    given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
    return f"::{name}{' ' * bool(given)}{given}::{_escaped(without_commands(data))}"


def annotation(level: Level, message: str, *, title: str = "", place: FileLines | None = None) -> str:
    """Return the command that shows a message, beside lines of a file if `place` is given."""
    message = message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"
    title = " ".join(title.split())[:_LONGEST_TITLE]
    file, line, end_line = place or FileLines("")
    return command(level, message, file=file, line=line, endLine=end_line or line, title=title)


def masks(secret: str) -> list[str]:
    """Return the commands that make a runner print `***` for a secret, and for each line of one that has several.

    Lines of fewer than 8 characters, such as a brace of JSON, are left out: they would mask ordinary text.
    """
    lines = secret.splitlines()
    hidden = dict.fromkeys([secret, *(line for line in lines if len(lines) > 1 and len(line.strip()) >= 8)])
    # Not without_commands(): the runner must mask the value itself.
    return [f"::add-mask::{_escaped(value)}" for value in hidden if value.strip()]


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
