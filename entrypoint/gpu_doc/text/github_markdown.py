"""Text from repositories and notebooks in the Markdown of GitHub: whatever it holds, it is shown, and does nothing.

Characters with a meaning become numeric entities, which can't stand for structure (CommonMark 0.31, section 2.5).
GitHub looks for mentions, issues, commits, emoji and addresses in the text that comes out, outside of code; there a
space of width zero parts what would be found.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from gpu_doc.text.plain import plain

_SPECIAL = re.compile(r"[!\"#$&*:;<=>@\[\\\]^_`{|}~]|^[-+]")
_NUMBERED = re.compile(r"^(\d+)([.)])")
_BREAK = "&#8203;"
"""A space of width zero."""
_LINKED = re.compile(
    r"(?P<mark>[@#])(?=\S)"  # @person, person@example.org, #12, owner/repository#12
    r"|(?P<colon>:)(?=[\w+-]+:|//)"  # :emoji:, https://
    r"|(?P<issue>\bGH-)(?=\d)"
    r"|(?P<www>\bww)(?=w\.)",
    re.IGNORECASE,
)
_COMMIT = re.compile(r"\b[0-9a-f]{7,}\b", re.IGNORECASE | re.ASCII)
_SKIP = re.compile(r"\[(?=(?:skip|no)[ -]|(?:ci|actions)[ -]skip)", re.IGNORECASE)
"""What keeps GitHub from starting workflows. https://docs.github.com/actions/how-tos/manage-workflow-runs/skip-workflow-runs"""


_LONGEST_LINK = 1000


class Markdown(str):
    """Text that is Markdown already, and safe."""

    __slots__ = ()


def text(content: object, longest: int = 500) -> Markdown:
    """Some content as Markdown that shows just that text, on one line, with no link in it; cut where it is long."""
    if isinstance(content, Markdown):
        return content
    parted = _LINKED.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", one_line(str(content), longest))
    parted = _COMMIT.sub(lambda found: re.sub("(.{6})", "\\1\N{ZERO WIDTH SPACE}", found[0]), parted)
    return Markdown(_entities(parted).replace("\N{ZERO WIDTH SPACE}", _BREAK))


def code(content: object, longest: int = 500) -> Markdown:
    """Some content as code, on one line: exactly as it is, where nothing is looked for in it."""
    shown = one_line(str(content), longest)
    if not shown:
        return Markdown("")
    # A bar in a table needs a backslash, which parsers treat differently behind another one.
    return Markdown(f"<code>{text(shown)}</code>" if re.search(r"[`|\\]", shown) else f"`{shown}`")


def readable(content: str) -> str:
    """A text without control characters, changes of direction and halves of characters."""
    return plain(content).encode("utf-8", "replace").decode()


def one_line(content: str, longest: int = 500) -> str:
    """A text on one line; cut where it is long."""
    shown = " ".join(readable(content[: 4 * longest]).split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def link(label: str, address: str) -> Markdown:
    """A link; only its label where the address is none of the web."""
    if not re.match(r"https?://", address):
        return text(label)
    return Markdown(f"[{text(label)}]({quote(address, safe='/:?=&%#@,;+~._-', errors='replace')})")


def linked_code(content: object, address: str) -> Markdown:
    """Some content as code, with a link where there is an address of the web, and no very long one."""
    shown, linked = code(content), link("x", address)
    return Markdown(f"[{shown}]{linked[3:]}") if linked.startswith("[x]") and len(linked) < _LONGEST_LINK else shown


def image(label: str, address: str) -> Markdown:
    """A picture at an address that we made."""
    return Markdown(f"!{linked}") if (linked := link(label, address)).startswith("[") else linked


def in_a_comment(content: str) -> str:
    """A name for an HTML comment, which it can't end, and in which it can be found again."""
    return quote(content, safe="/", errors="replace").replace("--", "%2D%2D")


def in_a_message(content: str) -> str:
    """A name for a commit's message: on one line; it mentions nobody, closes nothing, skips no workflow."""
    shown = one_line(content)
    broken = re.sub(r"(?<=[@#])(?=\w)|(?<=\bGH-)(?=\d)", "\N{ZERO WIDTH SPACE}", shown, flags=re.IGNORECASE)
    return _SKIP.sub("[\N{ZERO WIDTH SPACE}", broken)


def _entities(shown: str) -> str:
    entities = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", shown)
    return _NUMBERED.sub(lambda found: f"{found[1]}&#{ord(found[2])};", entities)
