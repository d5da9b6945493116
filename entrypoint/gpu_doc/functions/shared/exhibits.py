"""Names the pictures of a report, and writes the Markdown that shows them."""

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
"""Sites that can show only one picture, whatever the reader's theme: their Markdown has no way to name two."""
_THEMED: Mapping[str, Callable[[str, str, str], str]] = {
    "mkdocs": markdown.themed_by_address,
    "sphinx": markdown.themed_by_class,
}
_LONGEST_SLUG = 60
_NOT_PICTURED = frozenset({"caption", "alt"})
"""Options for the text beside a picture: they don't change its file name."""


def slug(text: str) -> str:
    """Return a name for URLs and any file system: lower-case ASCII letters, digits and hyphens, not too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-") or "picture"


def asset_name(call: BoundCall, suffix: str, *, variant: str = "") -> str:
    """Return a picture's file name: its address, and a hash of all options that change the picture."""
    said = {name: value for name, value in call.options.items() if name not in _NOT_PICTURED}
    identity = json.dumps([call.function.name, call.written, said, variant], sort_keys=True, ensure_ascii=False)
    short = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug(call.written)}{f'-{variant}' if variant else ''}-{short}{suffix}"


@dataclass(frozen=True)
class Framing:
    """The layout and the folder of pictures, from the configuration of a report."""

    capture: Capture
    report: Report

    def path(self, asset: Asset) -> str:
        """Return a picture's path, relative to the report."""
        return f"{PurePosixPath(self.report.assets).name}/{asset.name}"

    def exhibits(self, call: BoundCall, kind: Kind) -> Iterator[Exhibit]:
        """Yield an exhibit, still empty, for each theme; the default theme comes first."""
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
        """Return the answer with the picture of one exhibit, or of a light and a dark one."""
        assets = tuple(_asset(call, exhibit, several=len(exhibits) > 1) for exhibit in exhibits)
        text = call.get("alt") or alt  # not the caption, which screen readers read anyway
        paths = [self.path(asset) for asset in assets]
        themed = _THEMED.get(self.report.site, markdown.themed_picture)
        shown = markdown.image(paths[0], text) if len(paths) == 1 else themed(paths[0], paths[1], text)
        return call.answered(markdown.captioned(shown, call.get("caption") or ""), assets)

    def copied(self, call: BoundCall, asset: Asset, alt: str) -> Answer:
        """Return the answer with an image that is copied unchanged."""
        text = call.get("alt") or alt  # the caption is read anyway
        shown = markdown.image(self.path(asset), text)
        return call.answered(markdown.captioned(shown, call.get("caption") or ""), (asset,))


def _asset(call: BoundCall, exhibit: Exhibit, *, several: bool) -> Asset:
    name = asset_name(call, ".png", variant=exhibit.theme if several else "")
    return Asset(name=name, digest=exhibit.digest, exhibit=exhibit)
