"""What a picture in a report is called, what stands beside it, and what it is made of."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal

from gpu_doc.errors import ReportError
from gpu_doc.functions.address import Address
from gpu_doc.functions.calls import Arguments
from gpu_doc.model.answers import Asset
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.model.pictures import Exhibit
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import joined
from gpu_doc.text import markdown
from gpu_doc.text.nearest import listed

Theme = Literal["light", "dark"]

_LONGEST_SLUG = 60
_NOT_PICTURED = frozenset({"caption", "alt"})
"""Options that stand beside a picture: they don't change its name."""
IMAGE_TYPES: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
}
"""What `image()` copies, best first: a bitmap is the same in every run, Matplotlib's SVG names its parts at random."""
IMAGE_SUFFIXES = frozenset({*IMAGE_TYPES.values(), ".jpeg"})


def slug(text: str) -> str:
    """A readable name for URLs and every file system: lower-case ASCII letters, digits and hyphens, not too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-") or "picture"


def asset_name(function: str, arguments: Arguments, suffix: str, *, variant: str = "") -> str:
    """The file of a picture: its address, and a hash of all that the template says of what is pictured."""
    said = {name: value for name, value in arguments.options.items() if name not in _NOT_PICTURED}
    identity = json.dumps([function, arguments.address, said, variant], sort_keys=True, ensure_ascii=False)
    short = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug(arguments.address)}{f'-{variant}' if variant else ''}-{short}{suffix}"


@dataclass(frozen=True)
class Picture:
    """A picture in the report: its Markdown and its files."""

    markdown: str
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Framing:
    """How pictures are laid out, and where they lie: from configuration and report."""

    capture: Capture
    report: Report

    def path(self, asset: Asset) -> str:
        """Where a picture lies, from the report."""
        return f"{PurePosixPath(self.report.assets).name}/{asset.name}"

    def theme(self, arguments: Arguments) -> tuple[Theme, ...]:
        """The themes to photograph in, the one that any reader sees first."""
        wanted = arguments.get("theme") or self.capture.theme
        if wanted == "both":
            return "light", "dark"
        return ("dark",) if wanted == "dark" else ("light",)

    def picture(self, function: str, arguments: Arguments, exhibits: Sequence[Exhibit], alt: str) -> Picture:
        """The picture of one exhibit, or of one in light and one in dark."""
        assets = tuple(self._asset(function, arguments, exhibit, several=len(exhibits) > 1) for exhibit in exhibits)
        text = arguments.get("alt") or arguments.get("caption") or alt
        paths = [self.path(asset) for asset in assets]
        shown = markdown.image(paths[0], text) if len(paths) == 1 else markdown.themed_image(paths[0], paths[1], text)
        return Picture(markdown.captioned(shown, arguments.get("caption") or ""), assets)

    def _asset(self, function: str, arguments: Arguments, exhibit: Exhibit, *, several: bool) -> Asset:
        name = asset_name(function, arguments, ".png", variant=exhibit.theme if several else "")
        return Asset(name=name, digest=exhibit.digest, exhibit=exhibit)

    def copied(self, arguments: Arguments, asset: Asset, alt: str) -> Picture:
        """A picture that is copied as it is."""
        text = arguments.get("alt") or arguments.get("caption") or alt
        shown = markdown.image(self.path(asset), text)
        return Picture(markdown.captioned(shown, arguments.get("caption") or ""), (asset,))


def svg_output(drawing: str) -> Mapping[str, Json]:
    """A drawing of ours as the output of a cell."""
    return {"output_type": "display_data", "data": {"image/svg+xml": drawing}, "metadata": {}}


def sentence(address: Address, *, show: str = "output", output: int | None = None) -> str:
    """An alternative text, where the template gives none."""
    if address.file is not None:
        return f"{PurePosixPath(address.file).name} of run {address.run}"
    if address.cell is None:
        return f"Terminal of run {address.run}"
    cell = f"cell {address.cell}"
    if show == "cell":
        return f"Source and output of {cell} in run {address.run}"
    return f"Output {output} of {cell} in run {address.run}" if output else f"Output of {cell} in run {address.run}"


def image_bytes(outputs: Sequence[Mapping[str, Json]], what: str) -> tuple[bytes, str]:
    """Bytes and suffix of the one image among outputs. Raises ReportError if there is none, or more than one."""
    found = [(data, kind) for output in outputs for data, kind in [_image(output)] if kind]
    if not found:
        kinds = list(dict.fromkeys(kind for output in outputs for kind in output.get("data") or {}))
        raise ReportError(
            f"{what} holds no image; it holds: {listed(kinds)}",
            remedy="shot() takes a picture of any output.",
        )
    if len(found) > 1:
        raise ReportError(f"{what} holds {len(found)} images", remedy="Say which one with output=, from 1.")
    data, kind = found[0]
    if kind == "image/svg+xml":
        return data.encode("utf-8", "replace"), IMAGE_TYPES[kind]
    try:
        return base64.b64decode(data), IMAGE_TYPES[kind]
    except (binascii.Error, ValueError) as error:
        raise ReportError(f"{what} holds an image that is no base64") from error


def _image(output: Mapping[str, Json]) -> tuple[str, str]:
    data = output.get("data") or {}
    kind = next((kind for kind in IMAGE_TYPES if kind in data), "")
    return (joined(data[kind]), kind) if kind else ("", "")
