"""The scripts of plotting libraries: from the Python packages that bring them, nothing is downloaded.

A figure is drawn by the version that made it, so the packages of the kernels' environment come first, then our own. On
a page, a script keeps its public address; who answers is `Libraries.at`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_doc.pictures import formulas
from gpu_doc.resources import template_path
from gpu_doc.system.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from gpu_doc.pictures.vega import FileSeal, VegaScripts

_PLOTLY = "plotly/package_data/plotly.min.js"
_PLOTLY_VERSION = re.compile(rb"plotly\.js v(\d+\.\d+\.\d+)")
_PLOTLY_ADDRESS = re.compile(r"https://cdn\.plot\.ly/plotly-(?P<version>[\d.]+?)(?:\.min)?(?:\.js)?")
_CALLS_PLOTLY = re.compile(r"\bPlotly\.(?:newPlot|react|plot)\b")
_BRINGS_PLOTLY = re.compile(r"plotly\.js v\d|(?:src=|import )\"https://cdn\.plot\.ly/plotly-")
_PLOTLY_FORMULA = re.compile(r"([\"'])\$+(?!\$)(?:(?!\1)[^$\\\n]|\\.)+\$+\1")
"""A string that is a formula and nothing else. Plotly typesets such labels if there is a MathJax."""
_MATHJAX = "https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-svg-full.js"
_TYPED_ARRAYS = (2, 35)
"""The first version of plotly.js that reads numbers as `bdata`; earlier ones leave the axes empty, without an error."""

_BOKEH = "bokeh/server/static/js"
_BOKEH_RELEASE = "https://cdn.bokeh.org/bokeh/release"
_BOKEH_ADDRESS = re.compile(
    rf"{re.escape(_BOKEH_RELEASE)}/(?P<name>bokeh(?:-[a-z]+)?)-(?P<version>\d[\w.]*?)(?:\.min)?\.js"
)
_BOKEH_FIGURE = re.compile(r"docs_json\s*=.{0,200}?\"version\":\s*\"(?P<version>\d[\w.]*)\"", re.DOTALL)
_BRINGS_BOKEH = re.compile(r"Bokeh\.set_log_level|cdn\.bokeh\.org|bokehjs_load")
_BOKEH_PARTS = ("bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables")

_ITABLES = "itables/html"
_ITABLES_RELEASE = re.compile(rb"https://www\.unpkg\.com/dt_for_itables@[\d.]+")
_ITABLES_ADDRESS = re.compile(
    r"(?P<release>https://www\.unpkg\.com/dt_for_itables@[\d.]+)/(?P<name>dt_bundle\.(?:js|css))"
)
_ITABLES_TABLE = re.compile(r"window\.(?P<name>_(?P<source>datatables_src_for_)?itables_(?P<version>\d+_\d+_\d+))\b")

_VEGA_CHART = re.compile(
    r'<div class="vega-chart" data-kind="(?P<kind>vega(?:-lite)?)" data-version="(?P<version>[\d.]+)">'
)
"""How a chart that is data begins in HTML (templates/live-vega.html)."""
_JSDELIVR = "https://cdn.jsdelivr.net/npm/"


class MissingLibraryError(Exception):
    """An output needs a script that neither it nor any package here brings."""


class Libraries:
    """Scripts in the packages of some Python environments, the first that has them."""

    def __init__(
        self, environments: Sequence[PythonEnvironment], environ: Mapping[str, str], seal: Callable[[], FileSeal | None]
    ) -> None:
        """`seal` gives what tells our files in the user's cache from others; None: nothing is kept there."""
        self._seal = seal
        self._search_path = [folder for environment in environments for folder in environment.search_path]
        self._environments = environments
        self._environ = environ

    def tags(self, content: str) -> str:
        """Give the HTML that loads what an output's HTML needs and does not bring.

        Raises MissingLibraryError where that is not here.
        """
        kinds: tuple[Callable[[str], str], ...] = (
            _mathjax_tags,
            self._plotly_tags,
            self._bokeh_tags,
            self._itables_tags,
            self._vega_tags,
        )
        return "".join(tags(content) for tags in kinds)

    def version(self, content: str) -> str:
        """The versions of libraries that may draw an output's HTML, where it does not itself name one to the digit."""
        plotly = f"plotly {self._plotly_version}" if _CALLS_PLOTLY.search(content) else ""
        vega = f"vega {self._vega.package}" if re.search(r"\bvega", content) else ""
        return f"{plotly} {vega}".strip()

    def at(self, address: str) -> bytes | None:
        """The script that lies at a public address, where the same version is installed here."""
        if found := _PLOTLY_ADDRESS.fullmatch(address):
            return self._plotly if found["version"] == self._plotly_version else None
        if found := _BOKEH_ADDRESS.fullmatch(address):
            return self._bokeh(found["version"], found["name"])
        if found := _ITABLES_ADDRESS.fullmatch(address):
            return self._itables(found["release"], found["name"])
        if address == _MATHJAX:
            return formulas.script().read_bytes()
        return self._vega.at(address) if address.startswith(_JSDELIVR) else None

    def _plotly_tags(self, content: str) -> str:
        if not _CALLS_PLOTLY.search(content) or _BRINGS_PLOTLY.search(content):
            return ""
        version = self._plotly_version
        if not version or ('"bdata"' in content and tuple(map(int, version.split("."))) < _TYPED_ARRAYS):
            raise MissingLibraryError("plotly")
        return _script(f"https://cdn.plot.ly/plotly-{version}.min.js")

    @cached_property
    def _plotly(self) -> bytes | None:
        return next((found for folder in self._search_path if (found := _content(Path(folder) / _PLOTLY))), None)

    @cached_property
    def _plotly_version(self) -> str:
        found = _PLOTLY_VERSION.search((self._plotly or b"")[:2000])
        return found[1].decode() if found else ""

    def _bokeh_tags(self, content: str) -> str:
        figure = _BOKEH_FIGURE.search(content)
        if not figure or _BRINGS_BOKEH.search(content):
            return ""
        return "".join(_script(f"{_BOKEH_RELEASE}/{part}-{figure['version']}.min.js") for part in _BOKEH_PARTS)

    def _bokeh(self, version: str, name: str) -> bytes | None:
        folder = self._folder_of("bokeh", version)
        return _content(folder / _BOKEH / f"{name}.min.js") if folder else None

    def _itables(self, release: str, name: str) -> bytes | None:
        folder = next((each for each in map(Path, self._search_path) if _release(each) == release), None)
        return _content(folder / _ITABLES / name) if folder else None

    def _itables_tags(self, content: str) -> str:
        table = _ITABLES_TABLE.search(content)
        if not table or f"window.{table['name']} =" in content:
            return ""
        folder = self._folder_of("itables", table["version"].replace("_", "."))
        release = folder and _release(folder)
        if not release:
            raise MissingLibraryError("itables")
        style = f'<link rel="stylesheet" href="{release}/dt_bundle.css">'
        address = f'"{release}/dt_bundle.js"'
        module = address if table["source"] else f"import({address})"  # before itables 2.5, tables import it themselves
        return f"{style}<script>window.{table['name']} = {module}</script>"

    @cached_property
    def _vega(self) -> VegaScripts:
        from gpu_doc.pictures.vega import VegaScripts  # few reports have such charts

        return VegaScripts(self._environments, self._environ, self._seal())

    def _vega_tags(self, content: str) -> str:
        charts = [(chart["kind"], chart["version"]) for chart in _VEGA_CHART.finditer(content)]
        addresses = {f"{kind} {version}": self._vega.address(kind, version) for kind, version in charts}
        for name, address in addresses.items():
            if address is None:
                raise MissingLibraryError(name)
        return "".join(_script(address) for address in addresses.values() if address)

    def _folder_of(self, package: str, version: str) -> Path | None:
        folders = map(Path, self._search_path)
        return next((each for each in folders if (each / f"{package}-{version}.dist-info").is_dir()), None)


def _mathjax_tags(content: str) -> str:
    if not _CALLS_PLOTLY.search(content) or not _PLOTLY_FORMULA.search(content):
        return ""
    return template_path("live-mathjax.html").read_text("utf-8").replace("ADDRESS", _MATHJAX)


def _script(address: str) -> str:
    return f'<script src="{address}" crossorigin="anonymous"></script>'


def _release(folder: Path) -> str | None:
    """The public address of the script that itables in this folder goes with."""
    found = _ITABLES_RELEASE.search(_content(folder / "itables/utils.py") or b"")
    return found[0].decode() if found else None


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
