"""The files beside a report: takes, keeps or copies its pictures.

Unchanged files stay the same to the byte: a picture with the same digest is kept, and so is one with another digest but
the same decoded pixels.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from gpu_doc.errors import CaptureError, MachineError
from gpu_doc.git.line_ends import LineEnds
from gpu_doc.model.answers import Asset
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.model.location import Location
from gpu_doc.model.pictures import Photograph
from gpu_doc.pictures import formulas
from gpu_doc.pictures.capture import Camera, decoded_equal
from gpu_doc.record import checkout
from gpu_doc.record.checkout import Content
from gpu_doc.record.contents import is_as, sha256_of
from gpu_doc.record.evidence import Evidence, KeptFile
from gpu_doc.record.state import State
from gpu_doc.redaction import Redactor
from gpu_doc.report.template import TemplateWorker
from gpu_doc.resources import font_folder, template_path

_FORCE = "Run again with --force."
_Named = tuple[str, str]
"""A picture by its digest, and the address that an error about it names: two cells may show the same."""


@dataclass(frozen=True, kw_only=True)
class ReportTools:
    """What composing a report needs."""

    root: Path
    capture: Capture
    state: State
    camera: Camera
    templates: TemplateWorker
    redactor: Redactor
    line_ends: LineEnds


class ReportFiles:
    """The files of one report: those in evidence, and those that its answers need."""

    def __init__(self, report: Report, known: Evidence, tools: ReportTools) -> None:
        self._report = report
        self._known = known
        self._tools = tools
        self._refused: dict[_Named, CaptureError] = {}
        """Why pictures could not be taken the last time."""

    def final(self, asset: Asset) -> Asset:
        """Drop an asset's content if its picture exists already: the content can be large, and reports long."""
        origin = self._origin(asset)
        there = asset.exhibit and self._is_made(asset)
        return Asset(name=asset.name, digest=origin) if there else asset

    def has(self, asset: Asset) -> bool:
        """Whether the file is there, or can be made from what the asset holds."""
        held = asset.exhibit or asset.source or asset.content is not None
        return bool(held or self._is_made(asset))

    def _is_made(self, asset: Asset) -> bool:
        return self._tools.state.picture(self._origin(asset)) is not None or self._stays(asset)

    def _stays(self, asset: Asset) -> bool:
        """Whether the published file has the same digest and is intact."""
        kept = self._known.files.get(asset.name)
        return kept is not None and kept.made_from == self._origin(asset) and self.published(asset.name) is not None

    def published(self, name: str) -> bytes | None:
        """The bytes of a published file, if they are what evidence says."""
        kept = self._known.files.get(name)
        path = self._tools.root / self._report.assets / name
        content = checkout.read(path) if kept else None
        if content is None or kept is None or not is_as(path, content, kept.sha256, self._tools.line_ends):
            return None
        return content

    def contents(self, assets: list[Asset]) -> tuple[dict[str, Content], dict[str, KeptFile]]:
        """Return every file's content, and its entry for evidence. Raises CaptureError if a picture is refused."""
        self.photograph(assets)
        for error in filter(None, map(self.refusal, assets)):
            raise error
        contents: dict[str, Content] = {}
        kept = {}
        for asset in sorted(assets, key=lambda asset: asset.name):
            content, made_from = self._content(asset)
            contents[asset.name] = content
            path = self._tools.root / self._report.assets / asset.name
            stored = self._tools.line_ends.stored(path, checkout.content_of(content))
            kept[asset.name] = KeptFile(sha256=sha256_of(stored), made_from=made_from)
        return contents, kept

    def _content(self, asset: Asset) -> tuple[Content, str]:
        """Return a file's content, and the digest of what it is made from. Raises CaptureError if it is gone."""
        origin = self._origin(asset)
        published = self._tools.root / self._report.assets / asset.name
        if self._stays(asset):
            return published, origin
        if asset.content is not None:
            return asset.content, origin
        if asset.source:
            if not asset.source.is_file():
                what = "a file that a run left is gone from state"
                raise CaptureError(what, where=Location(str(asset.source)), remedy=_FORCE)
            return asset.source, origin
        picture = self._tools.state.picture(origin)
        if picture is None:
            raise CaptureError("a picture of the report is gone from state", where=asset.name, remedy="Run again.")
        before = self.published(asset.name)
        if before is not None and decoded_equal(before, checkout.content_of(picture)):
            return published, self._known.files[asset.name].made_from
        return picture, origin

    def photograph(self, assets: list[Asset], *, again: bool = True) -> None:
        """Take missing pictures; `again`: those too that were refused before. `refusal` tells what fails."""
        missing = {
            named: asset.exhibit
            for asset in assets
            if asset.exhibit
            and not self._is_made(asset)
            and ((named := (self._origin(asset), asset.exhibit.name)) not in self._refused or again)
        }
        if not missing:
            return
        for named, photograph in zip(missing, self._tools.camera.photograph([*missing.values()]), strict=True):
            self._refused.pop(named, None)
            if isinstance(photograph, Photograph):
                self._tools.state.keep_picture(named[0], photograph.png)
            else:
                self._refused[named] = photograph

    def _origin(self, asset: Asset) -> str:
        """Return a digest of what a file is made from; for a picture, with our page's styles, scripts and fonts.

        So `--force` takes pictures again after an upgrade with another page, or of a library whose script draws them;
        without it, old pictures stay.
        """
        if not asset.exhibit:
            return asset.digest
        parts = (asset.digest, _page(), self._tools.camera.drawn_by(asset.exhibit))
        return sha256(" ".join(filter(None, parts)).encode()).hexdigest()

    def refusal(self, asset: Asset) -> CaptureError | None:
        """Why an asset's picture could not be taken; None if it could, or if nobody tried."""
        return self._refused.get((self._origin(asset), asset.exhibit.name)) if asset.exhibit else None


@cache
def _page() -> str:
    styles = ("page.css", "widgets.css", "formulas.css", "json.css", "cell.css")
    names = ("page.html", "output.html", *styles, "page.js", "whole.js", "readable.js", "typeset.js")
    read = [*map(template_path, (*names, "fonts.conf")), font_folder() / "SHA256SUMS"]
    with suppress(MachineError):  # told where a formula is typeset
        read.append(formulas.script())
    parts = [path.read_bytes() for path in read]
    return sha256(b"".join(parts)).hexdigest()
