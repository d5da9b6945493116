"""What git would store of a file, held against what `git add` stores."""

from __future__ import annotations

import subprocess
from hashlib import sha1
from pathlib import Path

import pytest

from gpu_doc.git.line_ends import LineEnds

CONTENTS = {
    "text": b"a\r\nb\r\n",
    "mixed": b"a\r\nb\n",
    "lone": b"a\r\nb\rc\r\n",
    "nul": b"a\0\r\n",
    "controls": b"\x01\x02\r\nabc\r\n",
    "few-controls": b"\x01" + b"x" * 200 + b"\r\n",
    "utf-8": "ü€\r\n".encode(),
    "end": b"a\r\n\x1a",
    "odd name ü": b"\r\n",
}


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.safecrlf=false", "-c", "core.quotepath=false")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def blob(content: bytes) -> str:
    """The id that git gives a content."""
    return sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


ATTRIBUTES = ["", "text=auto", "text", "-text", "eol=crlf", "text=auto eol=lf", "crlf", "-crlf"]


@pytest.mark.parametrize(
    ("attributes", "autocrlf"), [*((each, "true") for each in ATTRIBUTES), ("", "input"), ("", ""), ("text=auto", "")]
)
def test_it_is_what_git_add_stores(tmp_path: Path, attributes: str, autocrlf: str) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "sub").mkdir()
    for name, content in CONTENTS.items():
        (tmp_path / "sub" / f"with-crlf-{name}").write_bytes(content)
        (tmp_path / "sub" / f"with-lf-{name}").write_bytes(b"a\nb\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "as they are")
    if autocrlf:
        git(tmp_path, "config", "core.autocrlf", autocrlf)
    (tmp_path / ".gitattributes").write_text(f"* {attributes}\n" if attributes else "")
    line_ends, ours = LineEnds(), {}
    for name, content in CONTENTS.items():
        for path in (f"sub/with-crlf-{name}", f"sub/with-lf-{name}", f"sub/new-{name}"):
            ours[path] = blob(line_ends.stored(tmp_path / path, content))
            (tmp_path / path).write_bytes(content)
    git(tmp_path, "add", "-A")
    listed = git(tmp_path, "ls-files", "-s", "-z", "sub").split("\0")
    assert ours == {entry.partition("\t")[2]: entry.split()[1] for entry in listed if entry}


def test_outside_of_git_bytes_count(tmp_path: Path) -> None:
    assert LineEnds().stored(tmp_path / "a.txt", b"a\r\n") == b"a\r\n"
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitattributes").write_text("* text\n")
    assert LineEnds().stored(tmp_path / "a.txt", b"a\r\n") == b"a\n"
    assert LineEnds().stored(tmp_path / "no folder" / "a.txt", b"a\r\n") == b"a\r\n"


def test_a_file_written_anew_keeps_the_line_ends_that_it_has(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    path = tmp_path / "a.md"
    (tmp_path / ".gitattributes").write_text("*.md text\n")
    assert LineEnds().as_there(path, b"a\nb\n", b"x\r\n") == b"a\r\nb\r\n"
    assert LineEnds().as_there(path, b"a\r\n", b"x\n") == b"a\n"
    assert LineEnds().as_there(path, b"a\r\n", None) == b"a\r\n"
    assert LineEnds().as_there(tmp_path / "a.txt", b"a\n", b"x\r\n") == b"a\n"
