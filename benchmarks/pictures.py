"""100 pictures of cell outputs: against Playwright's element screenshots, and against `shot-scraper multi`.

The peers are given finished pages, one for each notebook, with the very HTML and style of ours; ours starts from the
executed notebooks and makes its pages itself. All use the same Chromium with the same flags for its pixels. Ours are
cropped to what is seen, and theirs to the element, so both are compared after cropping them to what is not white.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageChops

from benchmarks import corpus
from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave, say
from benchmarks.our_pictures import WIDTH, exhibits
from gpu_doc.pictures.cellpage import CellPages
from gpu_doc.resources import template_path

NOTEBOOKS = 25
SCALES = (1, 2)
OF_PLAYWRIGHT, OF_SHOT_SCRAPER = 0.35, 0.06
FILES_AT_MOST = 1.10

ROOT = Path(__file__).resolve().parents[1]
VIEWPORT = {"width": WIDTH + 80, "height": 800}
# What decides about pixels; the rest of each tool's flags is its own affair.
FLAGS = (
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
)


def rows(bench: Bench) -> list[Row]:
    """For each device scale: the time against both peers, equality of pixels, sizes of files."""
    names = corpus.write_notebooks(bench.folder("pictures"), 5 if bench.quick else NOTEBOOKS)
    notebooks = [bench.scratch / "pictures" / name for name in names]
    _execute(notebooks)
    return [row for scale in SCALES for row in _at(scale, notebooks, bench)]


def _at(scale: int, notebooks: Sequence[Path], bench: Bench) -> list[Row]:
    count = len(notebooks) * len(corpus.PICTURES)
    say(f"{count} pictures, device scale {scale}")
    sheets = _sheets(notebooks, bench)
    ours = _ours(notebooks, scale, bench)
    playwright, scraper = _playwright(sheets, scale, bench), _shot_scraper(sheets, scale, bench)
    # shot-scraper takes a minute for what takes the others seconds.
    [against_playwright] = interleave(ours, [playwright], rounds=bench.rounds)
    [against_scraper] = interleave(ours, [scraper], rounds=max(1, bench.rounds // 2), warm_up=False)
    what = f"{count} pictures, scale {scale}"
    return [
        against_playwright.row(what, at_most=OF_PLAYWRIGHT),
        against_scraper.row(what, at_most=OF_SHOT_SCRAPER),
        *(_files(what, ours, peer) for peer in (playwright, scraper)),
    ]


# --- material ---------------------------------------------------------------------------------------------------------


def _execute(notebooks: Sequence[Path]) -> None:
    """Execute them in one kernel: only their outputs matter here."""
    import nbformat
    from jupyter_client.manager import KernelManager
    from nbclient import NotebookClient

    say(f"pictures: {len(notebooks)} notebooks are executed, and photographed by each contender")
    kernels = KernelManager(kernel_name="python3", transport="ipc")
    kernels.start_kernel()
    try:
        for path in notebooks:
            notebook = nbformat.read(path, as_version=4)
            NotebookClient(notebook, km=kernels).execute()
            del notebook.cells[-1]  # the value: no picture of it
            nbformat.write(notebook, path)
    finally:
        kernels.shutdown_kernel(now=True)


@dataclass(frozen=True)
class _Sheet:
    """A page with the outputs of one notebook, and the ids of their elements."""

    path: Path
    ids: Sequence[str]


def _sheets(notebooks: Sequence[Path], bench: Bench) -> list[_Sheet]:
    folder = bench.folder("sheets")
    pages = CellPages(lambda _: {"error": "no formulas here"})
    sheets = []
    for notebook in notebooks:
        sections = [pages.section(exhibit) for exhibit in exhibits(notebook, scale=1)]
        ids = [f"output-{number}" for number in range(len(sections))]
        path = folder / f"{notebook.stem}.html"
        blocks = "\n".join(_block(section, name) for section, name in zip(sections, ids, strict=True))
        style = "".join(template_path(name).read_text("utf-8") for name in ("page.css", "widgets.css", "cell.css"))
        path.write_text(_SHEET.format(style=style, blocks=blocks), "utf-8")
        sheets.append(_Sheet(path, ids))
    return sheets


_SHEET = """\
<!doctype html>
<html><head><meta charset="utf-8"><style>{style}</style></head><body style="margin:0" data-gpu-doc="light">
{blocks}
</body></html>
"""
_CONTENT = re.compile(r"<section[^>]*><div (?P<content>.*)</div></section>", re.DOTALL)
_FRAME = re.compile(r'<div class="holder"><iframe[^>]*srcdoc="(?P<document>[^"]*)"></iframe></div>')
_BODY = re.compile(r"<body[^>]*>(?P<content>.*)</body>", re.DOTALL)


def _block(section: str, name: str) -> str:
    """An exhibit as an element of its own, without the frames that ours puts around HTML from outside."""
    found = _CONTENT.fullmatch(_FRAME.sub(_inside, section))
    assert found, section
    return f'<div id="{name}" {found["content"]}</div>'


def _inside(frame: re.Match[str]) -> str:
    found = _BODY.search(html.unescape(frame["document"]))
    assert found, frame
    return found["content"]


# --- contenders -------------------------------------------------------------------------------------------------------


def _flags(scale: int) -> list[str]:
    """The scale is emulated by these tools, but Chromium sets up fonts at its start, by the machine's own scale."""
    return [*FLAGS, f"--force-device-scale-factor={scale}"]


def _outputs(folder: Path, count: int) -> list[str]:
    return [str(folder / f"{number:03}.png") for number in range(count)]


def _ours(notebooks: Sequence[Path], scale: int, bench: Bench) -> Contender:
    folder = bench.folder(f"gpu-doc-{scale}")
    job = {
        "notebooks": [str(path) for path in notebooks],
        "outputs": _outputs(folder, len(notebooks) * len(corpus.PICTURES)),
        "chromium": str(bench.chromium),
        "scale": scale,
    }
    command = [str(bench.python), "-m", "benchmarks.our_pictures", _write(job, folder)]
    search = os.pathsep.join(filter(None, [str(ROOT), bench.environment.get("PYTHONPATH")]))
    environment = {**bench.environment, "PYTHONPATH": search}
    return Contender(name="gpu-doc", commands=[command], folder=folder, environment=environment)


def _playwright(sheets: Sequence[_Sheet], scale: int, bench: Bench) -> Contender:
    folder = bench.folder(f"playwright-{scale}")
    outputs = iter(_outputs(folder, sum(len(sheet.ids) for sheet in sheets)))
    job = {
        "chromium": str(bench.chromium),
        "flags": _flags(scale),
        "viewport": VIEWPORT,
        "scale": scale,
        "sheets": [
            {
                "url": sheet.path.as_uri(),
                "shots": [{"selector": f"#{name}", "output": next(outputs)} for name in sheet.ids],
            }
            for sheet in sheets
        ],
    }
    script = ROOT / "benchmarks" / "playwright_shots.py"
    command = [bench.peer("python"), str(script), _write(job, folder)]
    return Contender(name="Playwright", commands=[command], folder=folder, environment=bench.environment)


def _shot_scraper(sheets: Sequence[_Sheet], scale: int, bench: Bench) -> Contender:
    folder = bench.folder(f"shot-scraper-{scale}")
    outputs = iter(_outputs(folder, sum(len(sheet.ids) for sheet in sheets)))
    shots = [
        {"url": str(sheet.path), "selector": f"#{name}", "output": next(outputs), **VIEWPORT}
        for sheet in sheets
        for name in sheet.ids
    ]
    (folder / "shots.yml").write_text(yaml.safe_dump(shots), encoding="utf-8")
    flags = [word for flag in _flags(scale) for word in ("--browser-arg", flag)]
    command = [bench.peer("shot-scraper"), "multi", "shots.yml", "--scale-factor", str(scale), *flags]
    environment = {**bench.environment, "PLAYWRIGHT_BROWSERS_PATH": str(_browsers(bench))}
    return Contender(name="shot-scraper", commands=[command], folder=folder, environment=environment)


def _browsers(bench: Bench) -> Path:
    """A folder where Playwright finds our Chromium as if it had installed it: shot-scraper has no option for a path."""
    folder = bench.folder("browsers")
    environment = {**bench.environment, "PLAYWRIGHT_BROWSERS_PATH": str(folder)}
    script = ROOT / "benchmarks" / "playwright_shots.py"
    printed: list[str] = []
    command = [bench.peer("python"), str(script), "--where"]
    Contender(
        name="Playwright", commands=[command], folder=folder, environment=environment, check=printed.append
    ).round()
    program = Path(printed[0].strip())
    if not program.is_relative_to(folder):
        raise BrokenComparisonError(f"Playwright looks for its browser outside the folder it was told: {program}")
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{bench.chromium}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def _write(job: dict[str, Any], folder: Path) -> str:
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return str(path)


# --- results ----------------------------------------------------------------------------------------------------------


def _files(what: str, ours: Contender, peer: Contender) -> Row:
    """The pixels must be equal, or times and sizes mean nothing; so a difference fails the row."""
    pairs = [(path, peer.folder / path.name) for path in sorted(ours.folder.glob("*.png"))]
    if not pairs or len(pairs) != len(list(peer.folder.glob("*.png"))):
        raise BrokenComparisonError(f"{ours.name} and {peer.name} made different numbers of pictures")
    equal = sum(_same_pixels(mine, other) for mine, other in pairs)
    sizes = [(mine.stat().st_size, other.stat().st_size) for mine, other in pairs]
    own, others = (sum(column) for column in zip(*sizes, strict=True))
    worst = max(mine / other for mine, other in sizes)
    return Row(
        what=f"{what}: files",
        ours=f"{own / 1000:.0f} kB",
        peer=f"{peer.name}: {others / 1000:.0f} kB",
        measured=f"{own / others:.3f} (largest {worst:.2f}); {equal} of {len(pairs)} equal",
        target=f"≤ {FILES_AT_MOST:.2f}, all equal",
        met=own <= FILES_AT_MOST * others and equal == len(pairs),
    )


def _same_pixels(one: Path, other: Path) -> bool:
    first, second = seen(one), seen(other)
    return first.size == second.size and ImageChops.difference(first, second).getbbox() is None


def seen(path: Path) -> Image.Image:
    """A picture without what is white around it."""
    with Image.open(path) as opened:
        picture: Image.Image = opened.convert("RGB")
    return picture.crop(ImageChops.difference(picture, Image.new("RGB", picture.size, "#ffffff")).getbbox())
