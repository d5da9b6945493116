"""What a run took, in words and as a chart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gpu_doc.functions.resources import chart
from gpu_doc.model.configuration import Run
from gpu_doc.model.results import Result
from gpu_doc.record import consumption

RUN = Run(report="a.md", name="run", address="run", line=1, notebook="a.ipynb")
ON_CPU = [[0.0, 0.0, 90_000_000, None, None], [1.0, 0.5, 310_000_000, None, None], [2.5, 1.6, 290_000_000, None, None]]
ON_GPU = [[0.0, 0.0, 2e9, None, None], [3600.0, 3.5, 21e9, 5e8, 0.25], [7200.0, 3.9, 20e9, 11.4e9, 0.97]]


def taken(folder: Path, samples: Any, **peaks: float | None) -> consumption.Consumption | None:
    content = {"interval": 1.0, "samples": samples, "peaks": peaks, "cpu_seconds": 1.0}
    (folder / "resources.json").write_text(json.dumps(content))
    return consumption.read(
        Result(run=RUN, fingerprint="f", folder=folder, record={"seconds": samples[-1][0] if samples else 0.1})
    )


@pytest.fixture
def on_cpu(tmp_path: Path) -> consumption.Consumption:
    found = taken(tmp_path, ON_CPU, cpu=1.6, memory=310e6, gpu_memory=None, gpu=None)
    assert found
    return found


@pytest.fixture
def on_gpu(tmp_path: Path) -> consumption.Consumption:
    found = taken(tmp_path, ON_GPU, cpu=4.02, memory=21e9, gpu_memory=11.4e9, gpu=0.97)
    assert found
    return found


def test_the_peaks_in_words(on_cpu: consumption.Consumption, on_gpu: consumption.Consumption) -> None:
    assert consumption.sentence(on_cpu) == "Peak: 1.6 CPU cores, 310 MB memory; ran 2.5 s."
    assert consumption.sentence(on_gpu) == ("Peak: 4 CPU cores, 21 GB memory, 11.4 GB GPU memory, 97 % GPU; ran 2 h.")
    assert consumption.summary(on_cpu) == "peak 310 MB"
    assert consumption.summary(on_gpu) == "peak 21 GB, 11.4 GB GPU"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 MB"), (999.4e6, "999 MB"), (999.6e6, "1 GB"), (1.25e9, "1.2 GB"), (2e11, "200 GB"), (3e12, "3 TB")],
)
def test_sizes(number: float, text: str) -> None:
    assert consumption.size(number) == text


def test_what_was_over_at_once_is_said_to_be(tmp_path: Path) -> None:
    found = taken(tmp_path, [], cpu=0, memory=0)
    assert found
    assert consumption.sentence(found) == "Ran 0.1 s, too short to be measured."
    assert consumption.summary(found) == ""


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"samples": 1, "peaks": {}}',
        '{"samples": [[1]], "peaks": {"cpu": 1, "memory": 1}}',
        '{"samples": [], "peaks": {"cpu": []}}',
    ],
)
def test_what_is_no_measurement_counts_as_none(tmp_path: Path, content: str) -> None:
    result = Result(run=RUN, fingerprint="f", folder=tmp_path, record={})
    assert consumption.read(result) is None
    (tmp_path / "resources.json").write_text(content)
    assert consumption.read(result) is None


def words(drawing: str) -> list[str]:
    return [
        " ".join("".join(text.itertext()).split())
        for text in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_a_panel_for_each_measure(on_cpu: consumption.Consumption, on_gpu: consumption.Consumption) -> None:
    assert {"CPU cores in use", "peak 1.6", "Memory MB", "peak 310 MB", "0 s", "2.5 s"} <= {
        *words(chart(on_cpu, width=880, theme="light"))
    }
    assert not any("GPU" in word for word in words(chart(on_cpu, width=880, theme="light")))
    shown = words(chart(on_gpu, width=880, theme="light"))
    assert {"Memory GB", "GPU memory GB", "peak 11.4 GB", "GPU % of time in use", "peak 97 %", "100", "120 min"} <= {
        *shown
    }


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (0.6, ["0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s", "0.6 s"]),
        (12, ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]),
        (170, ["0 s", "30 s", "60 s", "90 s", "120 s", "150 s"]),
        (3600, ["0 min", "10 min", "20 min", "30 min", "40 min", "50 min", "60 min"]),
        (6 * 3600, ["0 h", "1 h", "2 h", "3 h", "4 h", "5 h", "6 h"]),
        (5 * 86400, ["0 h", "24 h", "48 h", "72 h", "96 h", "120 h"]),
        (100 * 86400, [f"{number * 240} h" for number in range(11)]),
    ],
)
def test_time_is_told_in_the_unit_that_fits(tmp_path: Path, seconds: float, ticks: list[str]) -> None:
    found = taken(tmp_path, [[0.0, 0, 1, None, None], [float(seconds), 1.0, 1e9, None, None]], cpu=1, memory=1e9)
    assert found
    shown = words(chart(found, width=880, theme="light"))
    assert [word for word in shown if re.fullmatch(r"[\d.]+ (s|min|h)", word)] == ticks


@pytest.mark.parametrize("peak", [0.02, 0.4, 1, 1.9, 7.3, 24, 96, 999])
def test_nothing_is_drawn_outside_of_its_panel(tmp_path: Path, peak: float) -> None:
    found = taken(tmp_path, [[0.0, 0, 1, None, None], [9.0, peak, peak * 1e9, None, None]], cpu=peak, memory=peak * 1e9)
    assert found
    drawing = chart(found, width=500, theme="dark")
    places = re.findall(r"[ML]([\d.-]+) ([\d.-]+)", drawing)
    assert all(40 <= float(x) <= 493 and 0 <= float(y) <= 260 for x, y in places)
    grid = [float(word) for word in words(drawing) if re.fullmatch(r"[\d.e+]+", word)]
    assert max(grid) >= peak * 0.999


def test_themes_differ_in_nothing_but_colour(on_gpu: consumption.Consumption) -> None:
    light, dark = (chart(on_gpu, width=880, theme=theme) for theme in ("light", "dark"))
    assert light != dark
    assert re.sub(r"#[0-9a-f]{6}", "", light) == re.sub(r"#[0-9a-f]{6}", "", dark)
