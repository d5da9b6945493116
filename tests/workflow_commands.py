"""What GitHub's runner finds in a log: ActionCommand.cs of github.com/actions/runner, in Python."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

NAMES = frozenset(
    [
        *("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "add-path", "set-env", "set-output"),
        *("save-state", "stop-commands", "echo", "add-matcher", "remove-matcher"),
    ]
)


@dataclass(frozen=True)
class Found:
    """A command, with what its line escapes undone."""

    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def found(log: str) -> list[Found]:
    """All commands of a log. More lenient than the runner: what shows nothing is passed over wherever it stands."""
    lines = log.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    seen = ["".join(c for c in line if c.isspace() or unicodedata.category(c) not in ("Cf", "Cc")) for line in lines]
    return [command for line in seen if (command := _newer(line) or _older(line))]


def _newer(line: str) -> Found | None:
    line = line.lstrip()
    info, separator, data = line[2:].partition("::")
    name, _, properties = info.partition(" ")
    if not line.startswith("::") or not separator or name not in NAMES:
        return None
    pairs = (pair.partition("=") for pair in properties.strip().split(",") if pair)
    return Found(name, _unescaped(data), {key: _unescaped(value, ":,") for key, _, value in pairs})


def _older(line: str) -> Found | None:
    _, start, rest = line.partition("##[")
    info, end, data = rest.partition("]")
    name = info.partition(" ")[0]
    return Found(f"##{name}", data) if start and end and name in NAMES else None


def _unescaped(text: str, more: str = "") -> str:
    for character in f"\r\n{more}%":
        text = text.replace(f"%{ord(character):02X}", character)
    return text
