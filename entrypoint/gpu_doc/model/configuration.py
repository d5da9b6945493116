"""gpu-doc.yml as values: reports, their runs, and their settings."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gpu_doc.model.location import Location
from gpu_doc.model.values import Json

if TYPE_CHECKING:
    from gpu_doc.model.claims import Claim


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
    """The keys that the configuration sets. A local run names once those that apply only to containers."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A file or folder that a run reads. `version` replaces hashing."""

    path: str
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class GpuRequirement:
    """The GPUs that a run needs; without them, exit 5. Memory in bytes, per GPU."""

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
    """Identifies an image independent of the engine and its store."""

    digest: str
    """`repository@sha256:…`, by which it can be pulled; if no registry has it, `sha256:…`, the same as `content`."""
    content: str | None = None
    """A hash of its layers and settings, the same on every engine; None if not computed."""

    def same(self, other: ImageIdentity) -> bool:
        """Return whether both are the same image. Digests differ if one is an index, and the other an entry of it."""
        return self.digest == other.digest or (self.content is not None and self.content == other.content)

    def to_machine(self) -> dict[str, Json]:
        """Return its entries in a fingerprint's machine part."""
        content = {"image-content": self.content} if self.content not in (None, self.digest) else {}
        return {"image-digest": self.digest, **content}

    @classmethod
    def of_machine(cls, machine: Mapping[str, Json]) -> ImageIdentity | None:
        """Return the image in a fingerprint's machine part; None if there is none."""
        digest, content = machine.get("image-digest"), machine.get("image-content")
        if not isinstance(digest, str) or not digest:
            return None
        return cls(digest, content if isinstance(content, str) else None if "@" in digest else digest)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a report, merged from defaults, report and run; each point of a matrix is a separate Run."""

    report: str
    """The report's path, relative to root, with forward slashes."""
    name: str
    """The name in the configuration: `sweep`."""
    address: str
    """`baseline`, or with the matrix point as written: `sweep[lr=0.1,seed=1]`."""
    line: int
    """Its line in the configuration file."""
    notebook: str | None = None
    """`.ipynb`, `.py` or `.md`, relative to root, with forward slashes. Exactly one of notebook and command is set."""
    command: tuple[str, ...] | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """What papermill injects, the matrix point's values included."""
    point: Mapping[str, str] = field(default_factory=dict)
    """The matrix point, values as written in the configuration; empty without a matrix."""
    image: str | None = None
    """The image that it runs in; None: on this machine."""
    configured_image: str | None = None
    """The configured image, for launch_command(), if the command line makes it run on this machine."""
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
    tolerance: Mapping[str, str] = field(default_factory=dict)
    """How much values may differ from run to run, by address: `0.01`, `1 %`."""
    inputs: Literal["observed", "declared"] = "observed"
    """Whether a container sees all of the checkout, or only what the fingerprint names."""
    setup: str | None = None

    @property
    def folder(self) -> str:
        """Its working folder, relative to root: a notebook's own folder, unless `cwd` is root; `.` is root."""
        return posixpath.dirname(self.notebook or "") or "." if self.cwd == "notebook" else "."


Site = Literal["github", "mkdocs", "sphinx", "docsify", "plain"]
PAGE_WIDTHS: Mapping[Site, int] = {"github": 880, "mkdocs": 736, "sphinx": 780, "docsify": 780, "plain": 880}
"""CSS pixels: a picture that a site shrinks to its column has text of at least 12 px. Columns: GitHub 838, Material for
MkDocs 688, Sphinx with furo 736, Docsify 733 (754 before version 5). GitHub has room for a terminal of 100 columns."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A Markdown report: from a template, or (`template` None) refreshed in place."""

    path: str
    line: int
    template: str | None = None
    runs: tuple[Run, ...] = ()
    claims: tuple[Claim, ...] = ()
    """What must hold of its values: `expect`, and sentences of `claims` about them."""
    on_failure: Literal["keep", "mark"] = "keep"
    """What becomes of it when a claim no longer holds."""
    fit: Literal["page", "content"] = "page"
    """How wide its pictures are: as the page they are laid out on, or as what they show."""
    site: Site = "github"
    """What shows it: the key `for`."""

    @property
    def assets(self) -> str:
        """The folder of its pictures and evidence, relative to root: `docs/a.md` has `docs/a.assets`."""
        return assets_of(self.path)

    @property
    def mended(self) -> tuple[str, ...]:
        """The files in whose sentences we correct numbers, relative to root."""
        return tuple(dict.fromkeys(claim.file for claim in self.claims if claim.mend and claim.file != self.path))

    @property
    def written(self) -> tuple[str, str]:
        """What we write into the checkout, relative to root: the report, and its assets' folder."""
        return self.path, self.assets


@dataclass(frozen=True, kw_only=True)
class Capture:
    """How pictures are taken. Width in CSS pixels; scale is device pixels per CSS pixel."""

    width: int | None = None
    scale: int = 2
    theme: Literal["light", "dark", "both"] = "light"
    allow_hosts: tuple[str, ...] = ()

    def page_width(self, report: Report) -> int:
        """CSS pixels of the page that a report's outputs are laid out on."""
        return self.width or PAGE_WIDTHS[report.site]


PublishMode = Literal["pull-request", "commit", "auto", "check", "none"]


@dataclass(frozen=True, kw_only=True)
class Publish:
    """How results are published."""

    mode: PublishMode = "pull-request"
    branch: str = "gpu-doc/refresh-{base}"
    title: str = "docs: refresh results"
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    draft: bool = False
    author: str | None = None
    """`Name <address>`; None: on GitHub Actions its bot, elsewhere git's configured identity."""
    message: str | None = None
    trailers: tuple[str, ...] = ()
    sign: bool | None = None
    """None: as git's `commit.gpgsign` says."""

    def mode_for(self, asked: str) -> PublishMode:
        """The mode that the command line asks for, which may be `config`: that leaves it to the configuration."""
        return self.mode if asked == "config" else asked  # type: ignore[return-value]  # the parser's choices


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
    """The lines of keys, for messages: (report, run's name, key), or ("capture", key)."""

    def at(self, line: int = 0) -> Location:
        """Return a line of the file as a place for messages; 0 is the whole file."""
        return Location(self.path.relative_to(self.root).as_posix(), line)

    def at_key(self, run: Run, key: str) -> Location:
        """Return the place of a key for a run; if it is not written there, the place of the run."""
        return self.at(self.lines.get((run.report, run.name, key), run.line))


def assets_of(report: str) -> str:
    """Return the folder of a report's pictures and evidence, by the report's path."""
    stem, dot, suffix = report.rpartition(".")
    return f"{stem if dot and '/' not in suffix else report}.assets"
