"""What a release is made of: its version, its changes, its files. .github/workflows/release.yml calls it.

python -m scripts.release check       whether this can be released; prints `tag=v1.2.3` and `major=v1` for the workflow
python -m scripts.release notes       what CHANGELOG.md says of it
python -m scripts.release build DIR   builds its files into an empty folder, and checks them
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

TOP = Path(__file__).parents[1]

_VERSION = re.compile(r'^__version__ = "(?P<version>.*)"$', re.MULTILINE)
_RELEASABLE = re.compile(r"(?P<major>\d+)\.\d+\.\d+(?P<candidate>rc\d+)?")
_SECTION = re.compile(r"^## (?P<name>\S+).*\n(?P<text>(?:(?!## ).*\n?)*)", re.MULTILINE)
_OURS = re.compile(r"org/gpu-doc-action[\w./-]*@(?P<tag>v\d+)")


class ReleaseError(Exception):
    """This cannot be released, and why."""


def version_of(top: Path) -> str:
    """Return the version, from the one place where it stands. Raises ReleaseError: it is none to release."""
    found = _VERSION.search((top / "entrypoint/gpu_doc/__init__.py").read_text("utf-8"))
    if not found or not _RELEASABLE.fullmatch(found["version"]):
        raise ReleaseError("__version__ in entrypoint/gpu_doc/__init__.py is no version like 1.2.3 or 1.2.3rc1")
    return found["version"]


def major_tag(version: str) -> str:
    """Return the tag that moves to this version; empty before 1.0 and for candidates, which nobody follows."""
    match = _RELEASABLE.fullmatch(version)
    assert match
    return "" if match["candidate"] or match["major"] == "0" else f"v{match['major']}"


def notes(top: Path) -> str:
    """Return what CHANGELOG.md says of this version.

    Raises ReleaseError: its newest section is another one, or says nothing.
    """
    version = version_of(top)
    newest = _SECTION.search((top / "CHANGELOG.md").read_text("utf-8"))
    if not newest or newest["name"] != version:
        there = f"`{newest['name']}`" if newest else "none"
        raise ReleaseError(f"the newest section of CHANGELOG.md is {there}, the version is `{version}`")
    if not newest["text"].strip():
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}")
    return newest["text"].strip() + "\n"


def check(top: Path) -> list[str]:
    """Return the tag, and the major tag, as the workflow reads them. Raises ReleaseError."""
    version = version_of(top)
    notes(top)
    major = major_tag(version)
    if major and (others := _other_majors(top, major)):
        raise ReleaseError(f"{version} moves the tag {major}, but others are named here:\n" + "\n".join(others))
    return [f"tag=v{version}", f"major={major}"]


def build(top: Path, folder: Path) -> list[Path]:
    """Build the source distribution and the wheel; return their paths.

    Raises ReleaseError: the version in their names is another, or what pip builds from the source is another wheel.
    """
    _hatchling(top, folder)
    version = version_of(top)
    source, wheel = folder / f"gpu_doc-{version}.tar.gz", folder / f"gpu_doc-{version}-py3-none-any.whl"
    if sorted(folder.iterdir()) != sorted([source, wheel]):
        raise ReleaseError(f"other files than expected: {', '.join(path.name for path in folder.iterdir())}")
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["tar", "-xzf", source.resolve(), "-C", scratch], check=True)
        again = Path(scratch, "again")
        _hatchling(Path(scratch, source.name.removesuffix(".tar.gz")), again, "--target", "wheel")
        if (again / wheel.name).read_bytes() != wheel.read_bytes():
            raise ReleaseError("the wheel that is built from the source distribution is another one")
    return [source, wheel]


def _other_majors(top: Path, major: str) -> list[str]:
    """Where what users copy, and our own workflows, name another major tag."""
    files = chain(
        top.glob("*.md"),
        *(top.glob(pattern) for pattern in ("docs/*.md", ".github/workflows/*.yml", "workflows/*.yml")),
        (top / "templates").rglob("*.yml"),
    )
    return [
        f"{path.relative_to(top)}: {found[0]}"
        for path in sorted(files)
        if path.name != "CHANGELOG.md"
        for found in _OURS.finditer(path.read_text("utf-8"))
        if found["tag"] != major
    ]


def _hatchling(top: Path, folder: Path, *words: str) -> None:
    """Build without isolation: the backend is locked, as all else is."""
    argv = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder.resolve()), *words]
    subprocess.run(argv, cwd=top, check=True, stdout=subprocess.DEVNULL)


def main(words: list[str]) -> int:
    """Do what is asked; an exit code of 1 says that this cannot be released."""
    try:
        match words:
            case ["check"]:
                said = "\n".join(check(TOP)) + "\n"
            case ["notes"]:
                said = notes(TOP)
            case ["build", folder]:
                said = "".join(f"{path}\n" for path in build(TOP, Path(folder)))
            case _:
                sys.stderr.write(__doc__ or "")
                return 2
    except ReleaseError as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    sys.stdout.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
