"""A bare repository of ours in a temporary folder, and what it takes from the checkout."""

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
    """Facts about the checkout that our repositories need."""

    head: str
    """The checked-out commit."""
    object_format: str
    objects: Path
    shallow: Path
    attributes: Path
    configuration: tuple[Setting, ...]

    @classmethod
    def of(cls, theirs: Program) -> Origin:
        """Read the facts, with git as it runs in the checkout. Raises PublishError."""
        words = ("--git-path", "objects", "--git-path", "shallow", "--git-path", "info/attributes")
        told = theirs.ask("rev-parse", "--path-format=absolute", *words, "--show-object-format", "HEAD").text
        objects, shallow, attributes, object_format, head = told.splitlines()
        # A token means that we are on a runner, which may reuse a checkout.
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
    """A bare repository with only our own configuration."""

    def __init__(self, folder: Path, theirs: Program, origin: Origin) -> None:
        """Create it. Raises PublishError, or OSError if there is no room."""
        form = f"--object-format={origin.object_format}"
        # Its references must be files, since we read and write them ourselves.
        plain = {"GIT_DEFAULT_REF_FORMAT": "files"}
        theirs.ask("init", "-q", "--bare", "--template=", form, str(folder), variables=plain)
        with (folder / "config").open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(settings.text(settings.ours(origin.configuration, theirs.remote)))
        # This lets git use a remote that is another user's folder. git reads it from no other file.
        safe = [setting for setting in origin.configuration if setting[0] == "safe.directory"]
        (folder / settings.GLOBAL).write_text(settings.text(safe), "utf-8", "surrogateescape")
        self.folder = folder
        self.git = replace(theirs, folder=folder, variables=settings.variables(folder, theirs.remote))
        self.there: set[str] = set()
        """The commits that were fetched."""

    def borrow(self, origin: Origin) -> None:
        """Use the checkout's objects, as far back as its history goes, and its private attributes."""
        (self.folder / "objects/info").mkdir(exist_ok=True)
        # Quoted as in C, since a path may begin with `#`.
        place = str(origin.objects).replace("\\", "\\\\").replace('"', '\\"')
        (self.folder / "objects/info/alternates").write_text(f'"{place}"\n', "utf-8", "surrogateescape")
        (self.folder / "info").mkdir(exist_ok=True)
        for there, here in ((origin.shallow, "shallow"), (origin.attributes, "info/attributes")):
            with suppress(FileNotFoundError):
                (self.folder / here).write_bytes(there.read_bytes())
        # A reference, since fetch tells the server about these: then it sends only the rest.
        (self.folder / "refs/gpu-doc").mkdir(parents=True)
        (self.folder / "refs/gpu-doc/head").write_text(f"{origin.head}\n")
        self.there.add(origin.head)

    @property
    def shallow(self) -> frozenset[str]:
        """The commits without their parents."""
        with suppress(FileNotFoundError):
            return frozenset((self.folder / "shallow").read_text().split())
        return frozenset()

    def fetch(self, shas: Iterable[str], *, depth: int | None = None, commits_only: bool = False) -> None:
        """Fetch commits and their history: all of it, or `depth` generations. Raises PublishError."""
        shas = sorted(set(shas))
        options = [f"--depth={depth}"] if depth else []
        options += ["--filter=tree:0"] if commits_only else []
        self.git.ask_server("fetch", *_QUIETLY, *options, "origin", *(f"+{sha}:refs/gpu-doc/{sha}" for sha in shas))
        self.there.update(shas)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or is in its history; false if that is not known here."""
        return self.git.run("merge-base", "--is-ancestor", older, newer).status == 0
