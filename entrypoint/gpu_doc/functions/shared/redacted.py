"""Redacts answers. What a run left was redacted then, but not for values that have become secrets since."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from gpu_doc.errors import ReportError
from gpu_doc.model.answers import Answer, Asset, Cells
from gpu_doc.model.pictures import Exhibit
from gpu_doc.redaction import Redactor


def redacted(answer: Answer, redactor: Redactor) -> Answer:
    """Return the answer without secrets. Raises ReportError if a binary file contains one."""
    if not redactor:
        return answer
    assets = tuple(_asset(asset, redactor) for asset in answer.assets)
    cells = None if answer.cells is None else _cells(answer.cells, redactor)
    return replace(answer, value=redactor.json(answer.value), assets=assets, cells=cells)


def _cells(cells: Cells, redactor: Redactor) -> Cells:
    """Return the cells without secrets; all texts are checked together first, since a table may have very many."""
    together = "\0".join(cell.text for row in cells for cell in row)
    clean = redactor.text(together) == together
    return tuple(
        tuple(
            cell
            if clean and not cell.address
            else replace(cell, text=redactor.text(cell.text), value=redactor.json(cell.value))
            for cell in row
        )
        for row in cells
    )


def _asset(asset: Asset, redactor: Redactor) -> Asset:
    if asset.exhibit:
        exhibit = _exhibit(asset.exhibit, redactor)
        return asset if exhibit == asset.exhibit else replace(asset, exhibit=exhibit, digest=exhibit.digest)
    content = asset.source.read_bytes() if asset.source else asset.content or b""
    if b"\0" in content and redactor.is_in_binary(content):
        remedy = "Keep the secret out of it, and run again with --force."
        raise ReportError("a file that a run left holds the value of a secret", where=asset.name, remedy=remedy)
    found = content if b"\0" in content else redactor.raw(content)
    if found == content:
        return asset
    return replace(asset, source=None, content=found, digest=sha256(found).hexdigest())


def _exhibit(exhibit: Exhibit, redactor: Redactor) -> Exhibit:
    """Return the exhibit without secrets; a secret may span colours, or lines of the terminal."""
    texts = iter(redactor.parts([span.text for line in exhibit.lines for span in line]))
    return replace(
        exhibit,
        outputs=tuple(redactor.output(output) for output in exhibit.outputs),
        source=redactor.text(exhibit.source),
        lines=tuple(tuple(replace(span, text=next(texts)) for span in line) for line in exhibit.lines),
    )
