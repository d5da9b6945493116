"""Escapes text from repositories and notebooks for GitHub's Markdown, so that it is shown and has no effect.

Special characters become numeric entities, which Markdown never reads as markup (CommonMark 0.31, section 2.5).
In the rendered text outside of code, GitHub looks for mentions, issues, commits, emoji and addresses. A zero-width
space breaks these up.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from gpu_doc.text.plain import plain

_SPECIAL = re.compile(r"[!\"#$&*:;<=>@\[\\\]^_`{|}~]|^[-+]")
_NUMBERED = re.compile(r"^(\d+)([.)])")
_BREAK = "&#8203;"
"""A zero-width space."""
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
    """Return Markdown that shows exactly this text, on one line, without links; cut after `longest` characters."""
    if isinstance(content, Markdown):
        return content
    parted = _LINKED.sub(lambda found: f"{found[0]}\N{ZERO WIDTH SPACE}", one_line(str(content), longest))
    parted = _COMMIT.sub(lambda found: re.sub("(.{6})", "\\1\N{ZERO WIDTH SPACE}", found[0]), parted)
    return Markdown(_entities(parted).replace("\N{ZERO WIDTH SPACE}", _BREAK))


def code(content: object, longest: int = 500) -> Markdown:
    """Return the content as code on one line. GitHub looks for nothing in code, so that it stays exactly as it is."""
    shown = one_line(str(content), longest)
    if not shown:
        return Markdown("")
    # In a table, `|` needs a backslash before it, and parsers disagree about two backslashes.
    return Markdown(f"<code>{text(shown)}</code>" if re.search(r"[`|\\]", shown) else f"`{shown}`")


def readable(content: str) -> str:
    """Remove control characters, changes of text direction, and halves of characters."""
    return plain(content).encode("utf-8", "replace").decode()


def one_line(content: str, longest: int = 500) -> str:
    """Put a text on one line, cut after `longest` characters."""
    shown = " ".join(readable(content[: 4 * longest]).split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def link(label: str, address: str) -> Markdown:
    """Return a link; only the label if the address is not a web address."""
    if not re.match(r"https?://", address):
        return text(label)
    return Markdown(f"[{text(label)}]({quote(address, safe='/:?=&%#@,;+~._-', errors='replace')})")


def linked_code(content: object, address: str) -> Markdown:
    """Return the content as code, linked if the address is a web address and not very long."""
    shown, linked = code(content), link("x", address)
    return Markdown(f"[{shown}]{linked[3:]}") if linked.startswith("[x]") and len(linked) < _LONGEST_LINK else shown


def image(label: str, address: str) -> Markdown:
    """Return an image; the address is trusted."""
    return Markdown(f"!{linked}") if (linked := link(label, address)).startswith("[") else linked


def in_a_comment(content: str) -> str:
    """Escape a name for an HTML comment: it can't end the comment, and the same name gives the same text."""
    return quote(content, safe="/", errors="replace").replace("--", "%2D%2D")


def in_a_message(content: str) -> str:
    """Escape a name for a commit message: on one line; it mentions nobody, closes no issue, skips no workflow."""
    shown = one_line(content)
    broken = re.sub(r"(?<=[@#])(?=\w)|(?<=\bGH-)(?=\d)", "\N{ZERO WIDTH SPACE}", shown, flags=re.IGNORECASE)
    return _SKIP.sub("[\N{ZERO WIDTH SPACE}", broken)


def _entities(shown: str) -> str:
    entities = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", shown)
    return _NUMBERED.sub(lambda found: f"{found[1]}&#{ord(found[2])};", entities)
