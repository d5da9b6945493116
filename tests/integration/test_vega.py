"""Charts of Vega and Altair, drawn by the scripts of vl-convert-python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera
from gpu_doc.record.seal import Seal
from gpu_doc.redaction import Redactor
from gpu_doc.system.python_environment import PythonEnvironment

from .pictures import display, exhibit
from .test_scripts import colours

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("packages"), pytest.mark.full]

RED = (255, 0, 0)
VALUES = {"values": [{"a": "x", "b": 1}, {"a": "y", "b": 2}]}


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> PythonEnvironment:
    """Only the package with the scripts: Altair is not needed where they are drawn."""
    folder = tmp_path_factory.mktemp("packages")
    words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*words, "vl-convert-python"], check=True, capture_output=True)
    return PythonEnvironment(Path(sys.executable), "3.11", (str(folder),))


@pytest.fixture
def room(packages: PythonEnvironment, environ: dict[str, str]) -> Iterator[Camera]:
    with Camera(
        lambda: find_chromium(None, os.environ),
        environ=environ,
        patience=120,
        environment=lambda: packages,
        redactor=Redactor(["tr0ub4dor-and-3"]),
        seal=lambda: Seal(Path(environ["XDG_CACHE_HOME"], "key")),
    ) as camera:
        yield camera


def lite(version: str, data: Any = VALUES, **others: Any) -> dict[str, Any]:
    """A chart of Vega-Lite: red bars."""
    encoding = {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}}
    schema = f"https://vega.github.io/schema/vega-lite/v{version}.json"
    mark = {"type": "bar", "color": "#ff0000"}
    return {"$schema": schema, "width": 300, "mark": mark, "encoding": encoding, "data": data, **others}


def vega() -> dict[str, Any]:
    area = {"x": {"value": 0}, "y": {"value": 0}, "width": {"value": 80}, "height": {"value": 60}}
    mark = {"type": "rect", "encode": {"enter": {**area, "fill": {"value": "#ff0000"}}}}
    return {"$schema": "https://vega.github.io/schema/vega/v5.json", "width": 100, "height": 80, "marks": [mark]}


def html(spec: dict[str, Any], version: str) -> dict[str, Any]:
    """A chart as Altair writes it as HTML: it asks for three scripts, one after the other."""
    loads = "".join(
        f"<script src='https://cdn.jsdelivr.net/npm/{name}?noext'></script>"
        for name in ("vega@6", f"vega-lite@{version}", "vega-embed@7")
    )
    call = f"vegaEmbed(document.getElementById('altair-viz-1'), {json.dumps(spec)}, {{mode: 'vega-lite'}})"
    return display("text/html", f'<div id="altair-viz-1"></div>{loads}<script>{call}</script>')


def mime(spec: dict[str, Any], kind: str = "vegalite.v6.json") -> dict[str, Any]:
    return display(f"application/vnd.{kind}", spec)


def test_charts_are_drawn_as_data_and_as_html(room: Camera) -> None:
    charts = [
        mime(lite("6.4.1")),
        html(lite("6.4.1"), "6.4.1"),
        mime(lite("5.20.1"), "vegalite.v5+json"),
        mime(vega(), "vega.v5+json"),
    ]
    shots = room.photograph([exhibit(chart, theme=theme) for chart in charts for theme in ("light", "dark")])
    for shot in shots:
        assert isinstance(shot, Photograph), shot
        assert RED in colours(shot)
    assert shots[0] == shots[2], "the same chart, whichever way Altair writes it"
    assert (255, 255, 255) in colours(shots[7]) if isinstance(shots[7], Photograph) else False


def test_another_version_of_vega_lite_is_not_guessed(room: Camera) -> None:
    shots = room.photograph(
        [
            exhibit(mime(lite("4.17.0"), "vegalite.v4+json")),
            exhibit(mime(lite("6.999.0"))),
            exhibit(html(lite("4.17.0"), "4.17.0")),
        ]
    )
    for shot, says in zip(shots, ("vega-lite 4.17.0", "vega-lite 6.999.0", "vega-lite@4.17.0"), strict=True):
        assert isinstance(shot, CaptureError)
        assert says in shot.what
        assert "altair[save]" in shot.remedy
        assert 'alt.renderers.enable("png")' in shot.remedy


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/cars.json",
        "http://example.org/cars.json",
        "data/cars.json",
        "file:///etc/hostname",
    ],
)
def test_data_that_lies_elsewhere_is_refused_with_its_address(room: Camera, address: str) -> None:
    """Vega draws axes without bars then, and says so only in the console."""
    spec = lite("6.4.1", {"url": address})
    for shot in room.photograph([exhibit(mime(spec)), exhibit(html(spec, "6.4.1"))]):
        assert isinstance(shot, CaptureError)
        assert address in shot.what
        assert ".invalid" not in shot.what


def test_a_chart_that_vega_can_not_draw_is_refused(room: Camera) -> None:
    (shot,) = room.photograph([exhibit(mime({"mark": "nothing", "encoding": 3, "data": VALUES}))])
    assert isinstance(shot, CaptureError)
    assert "TypeError" in shot.what


def test_text_in_a_chart_is_looked_at_for_secrets(room: Camera) -> None:
    (shot,) = room.photograph([exhibit(mime(lite("6.4.1", title={"text": "tr0ub4dor" + "-and-3"})))])
    assert isinstance(shot, CaptureError)
    assert "secret" in shot.what


def test_the_script_is_made_once(packages: PythonEnvironment, environ: dict[str, str]) -> None:
    """It takes seconds. A second process finds it in the cache, even where the package can't be run."""

    def taken(environment: PythonEnvironment) -> Photograph | CaptureError:
        camera = Camera(
            lambda: find_chromium(None, os.environ),
            environ=environ,
            patience=120,
            environment=lambda: environment,
            seal=lambda: Seal(Path(environ["XDG_CACHE_HOME"], "key")),
        )
        with camera:
            one: Exhibit = exhibit(mime(lite("6.1.0")))
            return camera.photograph([one])[0]

    first = taken(packages)
    assert isinstance(first, Photograph), first
    assert first == taken(PythonEnvironment(Path("/bin/false"), "3.11", packages.search_path))
