"""Exhibits for tests, and rooms that photograph them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera


def new_camera(patience: float = 60.0, environ: Mapping[str, str] = os.environ) -> Camera:
    return Camera(lambda: find_chromium(None, os.environ), environ=environ, patience=patience)


def display(mime: str, content: Any, **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {mime: content}, "metadata": {mime: metadata}}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def exhibit(*outputs: dict[str, Any], scale: int = 2, **others: Any) -> Exhibit:
    return Exhibit(**{"kind": "output", "outputs": outputs, "width": 880, "scale": scale, **others})


def html(text: str, **others: Any) -> Exhibit:
    return exhibit(display("text/html", text), **others)


def taken(room: Camera, *exhibits: Exhibit) -> list[Photograph]:
    shots = room.photograph(exhibits)
    for shot in shots:
        if isinstance(shot, CaptureError):
            raise shot
    return [shot for shot in shots if isinstance(shot, Photograph)]
