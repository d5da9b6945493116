"""Makes the tables of the configuration in docs/reference.md."""

from __future__ import annotations

from gpu_doc.config.editors import sections
from gpu_doc.config.kinds import WRONG, Kind
from gpu_doc.config.schema import CLAIM, DATA, DEFAULTS, GPU, PUBLISH, REPORT, REQUIRES, ROOT, RUN, SETTINGS
from gpu_doc.config.shapes import Key, Section
from gpu_doc.model.values import Json

_HEADINGS = {
    ROOT.name: "The file",
    SETTINGS.name: "`defaults`, and every report and run",
    DEFAULTS.name: "`defaults`, and every report",
    REPORT.name: "Each of `reports`",
    RUN.name: "Each of a report's `runs`",
    CLAIM.name: "An item of `claims` for a file",
    DATA.name: "An item of `data` as a mapping",
    REQUIRES.name: "`requires`",
    GPU.name: "`requires.gpu`",
    PUBLISH.name: "`publish`",
}
_ORDER = (ROOT.name, REPORT.name, RUN.name, SETTINGS.name, DEFAULTS.name)


def tables() -> str:
    """Return the tables as Markdown, one for each section of the configuration."""
    parts = sorted(sections(), key=lambda part: _ORDER.index(part.name) if part.name in _ORDER else len(_ORDER))
    return "\n".join(_table(part) for part in parts)


def _table(section: Section) -> str:
    rows = [
        f"| `{name}` | {_value(key.kind)} | {_default(key, name, section)} | {key.text} |"
        for name, key in section.own.items()
    ]
    heading = _HEADINGS.get(section.name, section.title)
    return "\n".join([f"### {heading}", "", "| Key | Value | Default | Meaning |", "|---|---|---|---|", *rows, ""])


def _value(kind: Kind) -> str:
    return "a mapping, see below" if isinstance(kind, Section) else kind.expected.replace("|", "\\|")


def _default(key: Key, name: str, section: Section) -> str:
    if name in section.need:
        return "required"
    return "" if key.default is WRONG else f"`{_flow(key.default)}`"


def _flow(value: Json) -> str:
    """Write a default as in the file."""
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
