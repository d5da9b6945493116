"""A bare repository of ours in a temporary folder, and what it has in common with the checkout."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_doc.git import settings
from gpu_doc.git.program import Program
from gpu_doc.git.settings import Setting

_QUIETLY = ("-q", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What our repositories take from the checkout."""

    head: str
    """The commit that is checked out."""
    object_format: str
    objects: Path
    shallow: Path
    attributes: Path
    configuration: tuple[Setting, ...]

    @classmethod
    def of(cls, theirs: Program) -> Origin:
        """Look at the checkout, with git as it runs there. Raises PublishError."""
        words = ("--git-path", "objects", "--git-path", "shallow", "--git-path", "info/attributes")
        told = theirs.ask("rev-parse", "--path-format=absolute", *words, "--show-object-format", "HEAD").text
        objects, shallow, attributes, object_format, head = told.splitlines()
        # With a token we are on a runner, which may use a checkout again.
        reused = theirs.remote.token is not None
        listed = theirs.ask("config", "--list", *(["--show-scope"] if reused else []), "-z").text
        return cls(
            head=head,
            object_format=object_format,
            objects=Path(objects),
            shallow=Path(shallow),
            attributes=Path(attributes),
            configuration=tuple(settings.of_runner(listed) if reused else settings.listed(listed)),
        )


class Repository:
    """A bare repository, in which nothing but what is ours is configured."""

    def __init__(self, folder: Path, theirs: Program, origin: Origin) -> None:
        """Make it. Raises PublishError, and OSError where there is no room."""
        form = f"--object-format={origin.object_format}"
        # Its references are files, which we write to and read.
        plain = {"GIT_DEFAULT_REF_FORMAT": "files"}
        theirs.ask("init", "-q", "--bare", "--template=", form, str(folder), variables=plain)
        with (folder / "config").open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(settings.text(settings.ours(origin.configuration, theirs.remote)))
        # What lets git use a remote that is a folder of another user; it is taken from no other file.
        safe = [setting for setting in origin.configuration if setting[0] == "safe.directory"]
        (folder / settings.GLOBAL).write_text(settings.text(safe), "utf-8", "surrogateescape")
        self.folder = folder
        self.git = replace(theirs, folder=folder, variables=settings.variables(folder, theirs.remote))
        self.there: set[str] = set()
        """The commits that were fetched."""

    def borrow(self, origin: Origin) -> None:
        """Have the checkout's objects, as far back as its history goes, and its private attributes."""
        (self.folder / "objects/info").mkdir(exist_ok=True)
        place = _quoted(str(origin.objects))
        (self.folder / "objects/info/alternates").write_text(place, "utf-8", "surrogateescape")
        (self.folder / "info").mkdir(exist_ok=True)
        for there, here in ((origin.shallow, "shallow"), (origin.attributes, "info/attributes")):
            with suppress(FileNotFoundError):
                (self.folder / here).write_bytes(there.read_bytes())
        # A reference, since these are what a fetch says that we have.
        (self.folder / "refs/gpu-doc").mkdir(parents=True)
        (self.folder / "refs/gpu-doc/head").write_text(f"{origin.head}\n")
        self.there.add(origin.head)

    @property
    def shallow(self) -> frozenset[str]:
        """The commits whose parents are not there."""
        with suppress(FileNotFoundError):
            return frozenset((self.folder / "shallow").read_text().split())
        return frozenset()

    def fetch(self, shas: Iterable[str], *, depth: int | None = None, commits_only: bool = False) -> None:
        """Have commits and their history: all of it, or `depth` generations. Raises PublishError."""
        shas = sorted(set(shas))
        options = [f"--depth={depth}"] if depth else []
        options += ["--filter=tree:0"] if commits_only else []
        self.git.ask_server("fetch", *_QUIETLY, *options, "origin", *(f"+{sha}:refs/gpu-doc/{sha}" for sha in shas))
        self.there.update(shas)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit is the other, or stands in its history; not where that is unknown here."""
        return self.git.run("merge-base", "--is-ancestor", older, newer).status == 0


def _quoted(path: str) -> str:
    """A line of objects/info/alternates (gitrepository-layout). Quoted as in C, a path may begin with `#`."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"\n'
