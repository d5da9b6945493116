"""SVG drawings: they are shown as images, which load nothing else."""

from __future__ import annotations

import re

from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures.layout import Loss
from gpu_doc.pictures.losses import incomplete

_NAMESPACE = re.compile(r"<svg\b[^>]*\sxmlns\s*=", re.IGNORECASE)
_ROOT = re.compile(r"<svg\b", re.IGNORECASE)
_LOADS = re.compile(
    r"<(?:[\w.-]+:)?(?P<tag>image|use|feImage)\b[^>]*?\s(?:xlink:)?href\s*=\s*[\"'](?P<address>(?!\s*(?:data:|#))[^\"']+)"
)


def as_image(drawing: str, exhibit: Exhibit) -> str:
    """Return the drawing as an image can show it: with its namespace, which Jupyter adds too if it is missing.

    Raises IncompleteError if it would load something.
    """
    if found := _LOADS.search(drawing):
        raise incomplete(exhibit, [Loss(kind="image", address=found["address"])])
    if _NAMESPACE.search(drawing):
        return drawing
    return _ROOT.sub('<svg xmlns="http://www.w3.org/2000/svg"', drawing, count=1)
