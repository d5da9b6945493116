"""Values that pass from room to room: frozen, and without behaviour beyond small derived names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

Scalar = str | int | float | bool | None
Json = Any
"""Whatever `json.loads` may give. Notebooks, parameters and answers are made of it."""


# --- configuration ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one run. Sizes in bytes, times in seconds; None is unlimited."""

    memory: int | None = None
    cpus: float | None = None
    shm: int = 1 << 30
    processes: int = 8192
    time: float | None = None
    cell_time: float | None = None
    output: int = 10_000_000
    written: frozenset[str] = frozenset()
    """The keys that stand in the configuration: those that bind only containers are named once on a local run."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A file or folder that a run reads. `version` replaces hashing."""

    path: str
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class GpuRequirement:
    """What a run needs of GPUs, else exit 5. Memory in bytes, of each GPU."""

    count: int = 1
    memory: int | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often, and for which causes, a failed run is tried again."""

    times: int = 0
    on: tuple[str, ...] = ("network",)


@dataclass(frozen=True)
class ImageIdentity:
    """Which image it is, on whatever engine and in whatever store."""

    digest: str
    """`repository@sha256:…`, by which it can be pulled; `sha256:…`, the same as `content`, where no registry has it."""
    content: str | None = None
    """A hash of its layers and settings, which every engine says the same of; None where nobody looked."""

    def same(self, other: ImageIdentity) -> bool:
        """Say whether both are one image: a registry's digests differ where one is an index and the other is of it."""
        return self.digest == other.digest or (self.content is not None and self.content == other.content)

    def to_machine(self) -> dict[str, Json]:
        """Return what a fingerprint's machine part says of it."""
        content = {"image-content": self.content} if self.content not in (None, self.digest) else {}
        return {"image-digest": self.digest, **content}

    @classmethod
    def of_machine(cls, machine: Mapping[str, Json]) -> ImageIdentity | None:
        """Return what a fingerprint's machine part says of an image; None where it names none."""
        digest, content = machine.get("image-digest"), machine.get("image-content")
        if not isinstance(digest, str) or not digest:
            return None
        return cls(digest, content if isinstance(content, str) else None if "@" in digest else digest)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a report, merged from defaults, report and run; each point of a matrix is a Run of its own."""

    report: str
    """The report's path, relative to root, with forward slashes."""
    name: str
    """The name in the configuration: `sweep`."""
    address: str
    """`baseline`, or with the matrix point as written: `sweep[lr=0.1,seed=1]`."""
    line: int
    """Where it stands in the configuration file."""
    notebook: str | None = None
    """`.ipynb`, `.py` or `.md`, relative to root, with forward slashes. Exactly one of notebook and command is set."""
    command: tuple[str, ...] | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """What papermill injects, the matrix point's values included."""
    point: Mapping[str, str] = field(default_factory=dict)
    """The matrix point, values as written in the configuration; empty outside matrices."""
    image: str | None = None
    """What it runs in; None is this machine."""
    configured_image: str | None = None
    """The image of the configuration where the command line has it run on this machine: launch_command() names it."""
    pull: Literal["missing", "always", "never"] = "missing"
    bootstrap: bool = False
    kernel: str | None = None
    cwd: Literal["notebook", "root"] = "notebook"
    gpus: str | int | tuple[int | str, ...] = "auto"
    gpu_driver: Literal["auto", "nvidia", "cdi"] = "auto"
    limits: Limits = Limits()
    network: Literal["none", "bridge"] = "none"
    user: Literal["runner", "image"] = "runner"
    docker_host: str | None = None
    env: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    data: tuple[DataSource, ...] = ()
    caches: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    requires: GpuRequirement | None = None
    retries: Retries = Retries()
    detach: bool = False
    setup: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A Markdown report: from a template, or (`template` None) refreshed in place."""

    path: str
    line: int
    template: str | None = None
    runs: tuple[Run, ...] = ()
    expect: Mapping[str, str] = field(default_factory=dict)

    @property
    def assets(self) -> str:
        """The folder of its pictures and evidence, relative to root: `docs/a.md` has `docs/a.assets`."""
        stem, dot, suffix = self.path.rpartition(".")
        return f"{stem if dot and '/' not in suffix else self.path}.assets"


@dataclass(frozen=True, kw_only=True)
class Capture:
    """How pictures are taken. Width in CSS pixels; scale is device pixels per CSS pixel."""

    width: int = 880
    scale: int = 2
    theme: Literal["light", "dark", "both"] = "light"
    allow_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Publish:
    """How results leave the checkout."""

    mode: Literal["pull-request", "commit", "auto", "check", "none"] = "pull-request"
    branch: str = "gpu-doc/refresh-{base}"
    title: str = "docs: refresh results"
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    draft: bool = False
    author: str | None = None
    """`Name <address>`; None is the bot of GitHub Actions there, and what git says elsewhere."""
    message: str | None = None
    trailers: tuple[str, ...] = ()
    sign: bool | None = None
    """None is what git's own `commit.gpgsign` says."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """gpu-doc.yml, read, merged and checked."""

    path: Path
    root: Path
    """Absolute. All paths in the configuration are relative to it."""
    reports: tuple[Report, ...] = ()
    capture: Capture = Capture()
    publish: Publish = Publish()
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, repr=False)
    """Where keys stand, for messages: (report, run's name, key), (report, "expect") or ("capture", key)."""


# --- execution -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished run left in state.

    `folder` holds `executed.ipynb` (a notebook) or `terminal.log` (a command: the raw bytes of its terminal),
    `produced/` with the files of `produces` at their paths, and `record.json`.
    """

    run: Run
    fingerprint: str
    folder: Path
    record: Mapping[str, Json]
    """`started` (ISO 8601, UTC), `seconds`, `commit` (or None), `machine` (see record/fingerprint.py)."""

    @property
    def executed(self) -> Path:
        """The executed notebook."""
        return self.folder / "executed.ipynb"

    @property
    def log(self) -> Path:
        """Every byte that a command wrote to its terminal."""
        return self.folder / "terminal.log"

    @property
    def resources(self) -> Path:
        """What it took, as JSON (see execution/agent/sampling.py); runs of earlier versions left none."""
        return self.folder / "resources.json"

    def produced(self, path: str) -> Path:
        """A file that the run left, by its path in `produces`."""
        return self.folder / "produced" / path


# --- pictures --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of terminal text in one style. Colours are `#rrggbb`, None is the theme's own; reverse is resolved."""

    text: str
    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False


TerminalLine = tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """What one picture shows: a cell's outputs, with or without its source, or lines of a terminal.

    All of it comes from notebooks and is not trusted: on the page it never reaches network or disk.
    """

    kind: Literal["output", "cell", "terminal"]
    outputs: tuple[Json, ...] = ()
    """Outputs in nbformat 4, as plain dictionaries."""
    source: str = ""
    """The cell's source, where `kind` is cell."""
    language: str = "python"
    lines: tuple[TerminalLine, ...] = ()
    width: int
    """CSS pixels of the page it is laid out on; the picture is cropped to the content."""
    scale: int
    theme: Literal["light", "dark"] = "light"
    name: str = ""
    """The address, for messages; not part of what is pictured."""
    place: str = ""
    """Notebook and cell, for messages; not part of what is pictured either."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that is pictured; execution counts and output metadata without effect are not."""
        shown = {k: v for k, v in asdict(self).items() if k not in ("name", "place")}
        shown["outputs"] = [{k: v for k, v in o.items() if k != "execution_count"} for o in self.outputs]
        return sha256(json.dumps(shown, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A PNG and its size in CSS pixels (its pixels divided by the device scale)."""

    png: bytes
    width: int
    height: int


# --- reports ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a template function (contract: shot, image, text, table, code, value, ...)."""

    function: str
    args: tuple[Json, ...] = ()
    kwargs: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same call has the same key, however its keywords are ordered."""
        return json.dumps([self.function, list(self.args), dict(self.kwargs)], sort_keys=True, ensure_ascii=False)

    def __str__(self) -> str:
        words = [json.dumps(a, ensure_ascii=False) for a in self.args]
        words += [f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in self.kwargs.items()]
        return f"{self.function}({', '.join(words)})"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file that an answer needs beside the report: a picture to take, or bytes to copy."""

    name: str
    """The file's name in the report's assets folder."""
    digest: str
    """SHA-256 of what the file is made from: same digest, same file, and it need not be made again."""
    exhibit: Exhibit | None = None
    source: Path | None = None
    content: bytes | None = None
    """Exactly one of exhibit (photograph it), source (copy that file) and content (these bytes) is set."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call gives to the template, and the files it needs."""

    value: Json
    """Markdown text, or for `value()` a number or string."""
    runs: tuple[str, ...] = ()
    """Addresses of the runs it was made from."""
    assets: tuple[Asset, ...] = ()


# --- publishing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """A value that a report shows, before and after. None where it is not shown on that side."""

    name: str
    """Its address: `baseline/accuracy`."""
    before: Json
    after: Json


@dataclass(frozen=True, kw_only=True)
class PictureChange:
    """A picture that a report shows, before and after: paths from root, None where it is not shown on that side."""

    before: str | None
    after: str | None
    name: str
    """What it shows, for people: its address."""


@dataclass(frozen=True, kw_only=True)
class TextChange:
    """A text that a report shows, such as a log, where it is told by how many of its lines changed."""

    name: str
    """What it is, for people: `train/log`, `train/work (source)`."""
    lines: tuple[int, int]
    """How many lines, or rows of a table, came, and how many went; neither where they only moved."""
    unit: Literal["line", "row"] = "line"


@dataclass(frozen=True, kw_only=True)
class ReportChange:
    """What a reader of a report sees changed."""

    path: str
    """The report, from root."""
    kind: Literal["new", "changed", "removed"]
    values: tuple[ValueChange, ...] = ()
    pictures: tuple[PictureChange, ...] = ()
    texts: tuple[TextChange, ...] = ()
    lines: tuple[int, int] = (0, 0)
    """How many lines of its text came, and how many went."""
    why: tuple[str, ...] = ()
    """What its runs and its text are made from that is another by now."""
    commits: tuple[str, ...] = ()
    """The commits that its runs were made from."""
    environment: tuple[tuple[str, str], ...] = ()
    """Where the runs behind it happened now, as label and text: image, GPU, driver, ..."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """How publishing ended."""

    mode: Literal["pull-request", "commit", "check", "none"]
    changed: tuple[str, ...] = ()
    """Paths of the reports that differ from the commit that was checked out."""
    commit: str = ""
    """SHA of the commit that was pushed; empty where none was."""
    number: int | None = None
    url: str = ""
    operation: Literal["created", "updated", "closed", "none"] = "none"
    """What was done to the pull request."""
