"""What a picture in a report is called, and what stands beside it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal

from gpu_doc.functions.shared.function import BoundCall
from gpu_doc.model.answers import Answer, Asset
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.model.pictures import Exhibit
from gpu_doc.text import markdown

Theme = Literal["light", "dark"]
Kind = Literal["output", "cell", "terminal"]

_ONE_THEME = frozenset({"docsify", "plain"})
"""Sites that show one picture whatever the reader's colours are; no Markdown says otherwise there."""
_THEMED: Mapping[str, Callable[[str, str, str], str]] = {
    "mkdocs": markdown.themed_by_address,
    "sphinx": markdown.themed_by_class,
}
_LONGEST_SLUG = 60
_NOT_PICTURED = frozenset({"caption", "alt"})
"""Options that stand beside a picture: they don't change its name."""


def slug(text: str) -> str:
    """A readable name for URLs and every file system: lower-case ASCII letters, digits and hyphens, not too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-") or "picture"


def asset_name(call: BoundCall, suffix: str, *, variant: str = "") -> str:
    """The file of a picture: its address, and a hash of all that the template says of what is pictured."""
    said = {name: value for name, value in call.options.items() if name not in _NOT_PICTURED}
    identity = json.dumps([call.function.name, call.written, said, variant], sort_keys=True, ensure_ascii=False)
    short = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug(call.written)}{f'-{variant}' if variant else ''}-{short}{suffix}"


@dataclass(frozen=True)
class Framing:
    """How pictures are laid out, and where they lie: from configuration and report."""

    capture: Capture
    report: Report

    def path(self, asset: Asset) -> str:
        """Where a picture lies, from the report."""
        return f"{PurePosixPath(self.report.assets).name}/{asset.name}"

    def exhibits(self, call: BoundCall, kind: Kind) -> Iterator[Exhibit]:
        """What is to be pictured, still empty, in each theme: first in the one that any reader sees first."""
        wanted = call.get("theme") or self.capture.theme
        one = "light" if self.report.site in _ONE_THEME and wanted == "both" else wanted
        themes: tuple[Theme, ...] = ("light", "dark") if one == "both" else (one,)
        page = self.capture.page_width(self.report)
        for theme in themes:
            yield Exhibit(
                kind=kind,
                width=call.get("width") or page,
                canvas=page if self.report.fit == "page" else 0,
                scale=self.capture.scale,
                theme=theme,
                name=call.written,
            )

    def pictured(self, call: BoundCall, exhibits: Sequence[Exhibit], alt: str) -> Answer:
        """The answer that is the picture of one exhibit, or of one in light and one in dark."""
        assets = tuple(_asset(call, exhibit, several=len(exhibits) > 1) for exhibit in exhibits)
        text = call.get("alt") or alt  # the caption is read anyway
        paths = [self.path(asset) for asset in assets]
        themed = _THEMED.get(self.report.site, markdown.themed_picture)
        shown = markdown.image(paths[0], text) if len(paths) == 1 else themed(paths[0], paths[1], text)
        return call.answered(markdown.captioned(shown, call.get("caption") or ""), assets)

    def copied(self, call: BoundCall, asset: Asset, alt: str) -> Answer:
        """The answer that is a picture copied as it is."""
        text = call.get("alt") or alt  # the caption is read anyway
        shown = markdown.image(self.path(asset), text)
        return call.answered(markdown.captioned(shown, call.get("caption") or ""), (asset,))


def _asset(call: BoundCall, exhibit: Exhibit, *, several: bool) -> Asset:
    name = asset_name(call, ".png", variant=exhibit.theme if several else "")
    return Asset(name=name, digest=exhibit.digest, exhibit=exhibit)
