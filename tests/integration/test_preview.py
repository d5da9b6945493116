"""The page that shows changed reports: from real git, opened in a real browser."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from gpu_doc import config
from gpu_doc.changes.sides import Checkout, Commit, Nothing, Repository
from gpu_doc.errors import MachineError, UsageError
from gpu_doc.github import event
from gpu_doc.github.event import Event
from gpu_doc.model.answers import Call
from gpu_doc.model.changes import PictureChange, ReportChange
from gpu_doc.pictures.chromium import find_chromium
from gpu_doc.preview import preview as stage
from gpu_doc.preview.pictures import Album
from gpu_doc.preview.rendered import rendered
from gpu_doc.record.evidence import Evidence, KeptAnswer, KeptFile, RunEvidence

pytestmark = pytest.mark.needs("git")

CONFIG = """\
reports:
  - path: docs/a.md
    runs: {baseline: {command: [echo, hello]}}
  - path: docs/b.md
    runs: {baseline: {command: [echo, hello]}}
"""
RED, BLUE = (255, 0, 51), (0, 51, 255)


def png(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 200), colour).save(file, "PNG", dpi=(192, 192))
    return file.getvalue()


def evidence(value: object) -> bytes:
    answers = {
        Call(function="value", args=("baseline/accuracy",)).key: KeptAnswer(value=value, runs=("baseline",)),
        Call(function="shot", args=("baseline/loss",)).key: KeptAnswer(value="", assets=("loss.png",)),
    }
    run = RunEvidence(source={"image": "pytorch:2"}, machine={"packages": {}, "data": {}, "device": "cuda"}, made={})
    files = {"loss.png": KeptFile(sha256="", made_from="")}
    return Evidence(answers=answers, runs={"baseline": run}, files=files).to_bytes()


class Project:
    """A git repository with reports, the configuration in a subfolder."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.root = tree / "sub folder"
        self.write({"gpu-doc.yml": CONFIG, **self.report("a", 0.5, RED), **self.report("b", 0.5, RED)})
        self.git("init", "-q", "-b", "main")
        self.commit("first")

    def report(self, name: str, value: float, colour: tuple[int, int, int]) -> dict[str, str | bytes]:
        text = f"# Report {name}\n\nIt reached {value}. 结果如下\n\n![Loss]({name}.assets/loss.png)\n"
        return {
            f"docs/{name}.md": text,
            f"docs/{name}.assets/evidence.json": evidence(value),
            f"docs/{name}.assets/loss.png": png(colour),
        }

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=self.tree, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def preview(self, out: Path, *, base: str = "", event: Event | None = None) -> BeautifulSoup:
        """The page, made in this process."""
        page, _, _ = stage.preview(config.load(self.root / "gpu-doc.yml"), base=base, event=event, out=out)
        return BeautifulSoup(page.read_text("utf-8"), "html.parser")

    def gpu_doc(self, *words: str, code: int = 0) -> str:
        known = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        argv = [sys.executable, "-m", "gpu_doc", *words]
        done = subprocess.run(argv, cwd=self.root, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "tree")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def changed(soup: BeautifulSoup) -> list[str]:
    return [head.get_text().strip() for head in soup.select("section.report > h2")]


# --- what is compared ------------------------------------------------------------------------------------------------


def test_the_page_shows_what_differs_from_the_commit_here(project: Project, out: Path) -> None:
    project.write(project.report("a", 0.75, BLUE))
    said = project.gpu_doc("preview", "--out", str(out))
    assert "docs/a.md: changed" in said
    assert f"Preview: {out}/index.html" in said
    soup = BeautifulSoup((out / "index.html").read_text("utf-8"), "html.parser")
    assert changed(soup) == ["docs/a.md"]
    cells = [cell.get_text() for cell in soup.select("table.values tbody tr > *")]
    assert cells == ["baseline/accuracy", "0.5", "0.75", "+0.250 (+50.0 %)"]
    before, after = soup.select(".sides img")
    assert (before["width"], after["width"]) == ("200", "200")  # as laid out, at two device pixels to one of CSS
    assert before["src"] != after["src"]
    assert soup.select_one("article h1") is not None
    (inside,) = soup.select("article img")
    assert inside["src"] == after["src"]
    assert "结果如下" in soup.get_text()
    assert [text.get_text() for text in soup.select("dl > *")] == ["Image", "pytorch:2", "Device", "CUDA"]


def test_any_commit_can_be_compared_with(project: Project, out: Path) -> None:
    project.write(project.report("a", 0.75, BLUE))
    project.commit("second")
    project.write(project.report("b", 0.75, BLUE))
    assert changed(project.preview(out)) == ["docs/b.md"]
    soup = project.preview(out, base="main~1")
    assert changed(soup) == ["docs/a.md", "docs/b.md"]
    assert "main~1" in soup.get_text()


def test_a_pull_request_is_compared_with_its_base_where_that_is_here(project: Project, out: Path) -> None:
    base = project.git("rev-parse", "HEAD")
    project.write(project.report("a", 0.75, BLUE))
    head = project.commit("second")
    for sha, expected in ((base, ["docs/a.md"]), ("c" * 40, [])):
        theirs = {"ref": "x", "sha": head, "repo": {"full_name": "o/n"}}
        payload = project.tree.parent / "event.json"
        payload.write_text(
            json.dumps({"pull_request": {"number": 1, "base": {"ref": "main", "sha": sha}, "head": theirs}})
        )
        environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(payload)}
        environ |= {"GITHUB_REPOSITORY": "o/n", "GITHUB_REF": "refs/pull/1/merge", "GITHUB_SHA": head}
        assert changed(project.preview(out, event=event.read(environ))) == expected


def test_where_nothing_changed_the_page_says_so(project: Project, out: Path) -> None:
    soup = project.preview(out)
    assert soup.h1
    assert soup.h1.get_text() == "No report changed"
    assert "Every report reads the same" in soup.get_text()
    assert "No report differs from" in project.gpu_doc("preview", "--out", str(out))


def test_before_the_first_commit_every_report_is_new(project: Project, out: Path) -> None:
    project.git("update-ref", "-d", "HEAD")
    assert [badge.get_text() for badge in project.preview(out).select(".badge")] == ["new", "new"]


@pytest.mark.parametrize("base", ["nowhere", "-p", "main:gpu-doc.yml", "HEAD~9"])
def test_a_base_that_git_does_not_know_is_named(project: Project, out: Path, base: str) -> None:
    with pytest.raises(UsageError, match=f"git knows no commit `{base}` here") as caught:
        project.preview(out, base=base)
    assert (f"git fetch origin {base}" in caught.value.remedy) == (base == "nowhere"), "git fetches names only"
    assert not out.exists()


def test_without_git_there_is_nothing_to_compare_with(project: Project, out: Path) -> None:
    (project.tree / ".git").rename(project.tree / "no-git")
    assert "there is no git repository" in project.gpu_doc("preview", "--out", str(out), code=2)


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_folder_that_holds_something_else_stays_as_it_is(project: Project, out: Path) -> None:
    out.mkdir()
    (out / "index.html").write_text("a site")
    with pytest.raises(UsageError, match="holds something else"):
        project.preview(out)
    assert [(file.name, file.read_text()) for file in out.iterdir()] == [("index.html", "a site")]


def test_an_earlier_preview_is_replaced(project: Project, out: Path) -> None:
    project.preview(out)
    project.write(project.report("a", 0.75, BLUE))
    assert changed(project.preview(out)) == ["docs/a.md"]
    assert [file.name for file in out.iterdir()] == ["index.html"]


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="this is a file"):
        stage.build([], before=Nothing(), after=Nothing(), out=tmp_path / "file")
    with pytest.raises(MachineError, match="cannot write"):
        stage.build([], before=Nothing(), after=Nothing(), out=tmp_path / "file/below")


# --- what a pull request may bring -----------------------------------------------------------------------------------


def test_links_lead_to_no_file_outside_and_to_none_of_gits(project: Project, out: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(BLUE))
    inner = project.tree / ".git/secret.png"
    inner.write_bytes(png(BLUE))
    for name, target in (("a", secret), ("b", inner)):
        picture = project.root / f"docs/{name}.assets/loss.png"
        picture.unlink()
        picture.symlink_to(target)
        text = f"![x](../../{os.path.relpath(target, project.tree)}) ![y]({target}) ![z]({name}.assets/loss.png)"
        (project.root / f"docs/{name}.md").write_text(text)
    soup = project.preview(out)
    assert changed(soup) == ["docs/a.md", "docs/b.md"]
    assert not soup.select("article img")
    sides = [figure.img is not None for figure in soup.select(".sides figure")]
    assert sides == [True, False, True, False]  # what was there before is shown, what the links lead to is not


HOSTILE = """\
<script>document.title = "run"; fetch("SINK/script")</script>
<img src=x onerror="fetch('SINK/onerror')">
![remote](SINK/image.png) <img srcset="SINK/srcset.png 2x" src="SINK/src.png">
<picture><source media="(prefers-color-scheme: light)" srcset="SINK/source.png"><img src="a.assets/loss.png"></picture>
<style>body { background: url(SINK/style.png) }</style> <p style="background: url(SINK/inline.png)">x</p>
<link rel="stylesheet" href="SINK/link.css"> <meta http-equiv="refresh" content="0; url=SINK/meta">
<iframe src="SINK/frame"></iframe> <object data="SINK/object"></object> <embed src="SINK/embed">
<svg><image href="SINK/svg.png"/><script>fetch("SINK/svg")</script></svg> <base href="SINK/">
<form action="SINK/form"><input type="image" src="SINK/input.png"></form> <video src="SINK/video" poster="SINK/poster">

[a](javascript:alert(1)) [b](data:text/html,x) [c](../x.py) [d](https://example.org "t") </article></body></html>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
"""


class Sink:
    """Counts who comes by."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(1000))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def chromium(page: Path, profile: Path, *words: str) -> str:
    program = find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--window-size=1200,1600"]
    flags += ["--virtual-time-budget=3000", "--hide-scrollbars"]
    argv = [str(program), *flags, *words, page.as_uri()]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.needs("chromium")
def test_a_hostile_report_does_nothing_in_a_browser(project: Project, out: Path, tmp_path: Path) -> None:
    sink = Sink()
    project.write(project.report("a", 0.75, BLUE))
    project.write({"docs/a.md": HOSTILE.replace("SINK", sink.address)})
    project.preview(out)
    dump = BeautifulSoup(chromium(out / "index.html", tmp_path / "profile", "--dump-dom"), "html.parser")
    sink.close()
    assert sink.heard == []
    assert dump.title
    assert dump.title.get_text() == "1 changed report"
    active = "script, iframe, object, embed, svg, base, form, video, link, article style, article meta, [onerror]"
    assert dump.select(active) == []
    assert [link["href"] for link in dump.select("article a")] == ["https://example.org"]
    assert len(dump.select("article img")) == 1
    policy = dump.select_one("meta[http-equiv=Content-Security-Policy]")
    assert policy
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:;")


@pytest.mark.needs("chromium")
def test_the_page_lays_out_before_and_after_side_by_side(project: Project, out: Path, tmp_path: Path) -> None:
    project.write(project.report("a", 0.75, BLUE))
    project.preview(out)
    picture = tmp_path / "page.png"
    chromium(out / "index.html", tmp_path / "profile", f"--screenshot={picture}")
    with Image.open(picture) as shot:
        pixels = shot.convert("RGB")
        places = {
            colour: [(x, y) for y in range(0, 1600, 5) for x in range(0, 1200, 5) if pixels.getpixel((x, y)) == colour]
            for colour in (RED, BLUE)
        }
    red, blue = places[RED], places[BLUE]
    assert red
    assert min(y for _, y in red) == min(y for _, y in blue)  # the styles hold, though the policy allows no others
    assert max(x for x, _ in red) < min(x for x, y in blue if y == red[0][1])
    assert max(y for _, y in blue) > max(y for _, y in red)  # and the report below


# --- how much --------------------------------------------------------------------------------------------------------


def test_pictures_beyond_the_room_are_left_out_and_the_page_says_so(
    project: Project, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(project.report("a", 0.75, BLUE))
    repository = Repository(root=project.root, tree=project.tree)
    after = Checkout(repository=repository)
    before = Commit(repository=repository, commit="HEAD")
    change = ReportChange(
        path="docs/a.md",
        kind="changed",
        pictures=(PictureChange(name="x", before="docs/a.assets/loss.png", after="docs/a.assets/loss.png"),),
    )
    room = len(png(RED)) * 4 // 3 + 110
    monkeypatch.setattr(stage, "Album", lambda: Album(room))
    page = stage.build([change], before=before, after=after, out=out)
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    assert len(soup.select("img")) == 1
    assert "2 pictures are left out, since the page would be too large" in " ".join(soup.get_text().split())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b'<?xml version="1.0"?>\n<!-- made by x -->\n<!DOCTYPE svg>\n<svg xmlns="x">', "image/svg+xml"),
        (b"<svg>", "image/svg+xml"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:x\n", None),
        (b"root:x:0:0:root:/root:/bin/bash", None),
        (b"<html><svg>", None),
        (b"", None),
        (None, None),
    ],
)
def test_only_pictures_are_pictures(content: bytes | None, kind: str | None) -> None:
    picture = Album().picture(content)
    assert (picture and re.match("data:([^;]+)", picture.source)) is None if kind is None else picture is not None
    if picture:
        assert picture.source.startswith(f"data:{kind};base64,")


def test_a_report_renders_as_readers_know_it() -> None:
    text = (
        "| a | b |\n| --- | ---: |\n| 1 | 2 |\n\nIt is <!-- gpu-doc: value('x') -->0.5<!-- gpu-doc: end -->.\n\n~~x~~\n"
    )
    html = rendered(text, "docs/a.md", lambda _: None)
    assert '<td align="right">2</td>' in html
    assert "<p>It is 0.5.</p>" in html
    assert "<s>x</s>" in html


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("a.assets/x.png", "docs/a.assets/x.png"),
        ("../img/%C3%BC%20x.png", "img/ü x.png"),
        ("../../x.png", ""),
        ("/etc/passwd", ""),
        ("//host/x.png", ""),
        ("file:///etc/passwd", ""),
        ("https://example.org/x.png", ""),
    ],
)
def test_pictures_are_looked_for_beside_the_report(source: str, asked: str) -> None:
    paths: list[str] = []
    rendered(f'<img src="{source}">', "docs/a.md", lambda path: paths.append(path))  # noqa: PLW0108 - it gives None
    assert paths == [asked]
