"""`image()`: an image that a cell shows or a run left, unchanged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from gpu_doc.errors import ReportError
from gpu_doc.functions.shared import alternative, checks, exhibits, options
from gpu_doc.functions.shared.function import PART, BoundCall, Function
from gpu_doc.functions.shared.results import ResultReader, the_cell
from gpu_doc.model.answers import Answer, Asset
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import joined
from gpu_doc.text.nearest import listed

_TYPES: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
}
"""The types that are copied, best first: a bitmap is the same in every run; Matplotlib's SVG has random ids."""


def _check(call: BoundCall, root: Path) -> None:
    checks.part_of_run(call, root, file=checks.ending_in("image", {*_TYPES.values(), ".jpeg"}))


def _answer(call: BoundCall, results: ResultReader) -> Answer:
    if call.address.file is not None:
        path = results.file(call)
        name = exhibits.asset_name(call, PurePosixPath(call.address.file).suffix.lower())
        asset = Asset(name=name, digest=sha256(path.read_bytes()).hexdigest(), source=path)
        alt = alternative.of_file(call.address)
    else:
        outputs = results.outputs(call)
        content, suffix = _image_bytes(outputs, the_cell(call.address))
        name = exhibits.asset_name(call, suffix)
        asset = Asset(name=name, digest=sha256(content).hexdigest(), content=content)
        images = [output for output in outputs if _image(output)[1]]
        alt = alternative.of_outputs(results.cell(call), images, call.address, call.options)
    return results.framing.copied(call, asset, alt)


def _image_bytes(outputs: Sequence[Mapping[str, Json]], what: str) -> tuple[bytes, str]:
    """Return bytes and suffix of the only image among outputs. Raises ReportError if there is none, or several."""
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
        return data.encode("utf-8", "replace"), _TYPES[kind]
    try:
        return base64.b64decode(data), _TYPES[kind]
    except (binascii.Error, ValueError) as error:
        raise ReportError(f"{what} holds an image that is no base64") from error


def _image(output: Mapping[str, Json]) -> tuple[str, str]:
    data = output.get("data") or {}
    kind = next((kind for kind in _TYPES if kind in data), "")
    return (joined(data[kind]), kind) if kind else ("", "")


FUNCTION = Function(
    name="image",
    text="an image output or produced file itself, untouched",
    first=PART,
    options={**options.CAPTION, **options.OUTPUT},
    gives=("image",),
    check=_check,
    answer=_answer,
)
