"""The sentences that docs/troubleshooting.md lists, each with what to do."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PAGE = Path(__file__).parents[1] / "docs/troubleshooting.md"
_ELLIPSIS = "…"


@cache
def sentences() -> tuple[tuple[str, ...], ...]:
    """Each sentence as the parts that never differ, in their order."""
    rows = re.findall(r"^\| (\*.+?\*) \| ", _PAGE.read_text("utf-8"), re.MULTILINE)
    texts = [text for row in rows for text in re.findall(r"\*(.+?)\*(?:, |$)", row)]
    return tuple(tuple(part.strip() for part in text.split(_ELLIPSIS)) for text in texts)


def listed(message: str) -> bool:
    """Whether a message has one of the sentences in it."""
    patterns = (".*".join(map(re.escape, parts)) for parts in sentences())
    return any(re.search(pattern, message) for pattern in patterns)
