"""What a page may not do, and what is left when the browser dies."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.waiting import eventually

from gpu_doc.errors import CaptureError, IncompleteError, MachineError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera

pytestmark = pytest.mark.needs("chromium")


def html(text: str) -> Exhibit:
    output = {"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}
    return Exhibit(kind="output", outputs=(output,), width=880, scale=2)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def camera(patience: float = 60.0) -> Camera:
    return Camera(lambda: find_chromium(None, os.environ), environ=os.environ, patience=patience)


def browsers(profiles: Path) -> list[psutil.Process]:
    """The processes whose profile lies in that folder, and their children."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(f"--user-data-dir={profiles}" in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


class Sink:
    """Listens on the loopback and counts who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.visits: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                self.visits.append(connection.recv(200))


@pytest.fixture
def sink() -> Iterator[Sink]:
    listening = Sink()
    yield listening
    listening.socket.close()


SEEN = """
<link rel="stylesheet" href="{0}/link"><link rel="preconnect" href="{0}/"><link rel="preload" as="image" href="{0}/l">
<link rel="prefetch" href="{0}/prefetch"><link rel="dns-prefetch" href="{0}/"><link rel="icon" href="{0}/icon">
<style>@import "{0}/import"; @font-face {{ font-family: f; src: url({0}/font) }}
p {{ font-family: f }}</style><p>here</p><meta http-equiv="refresh" content="0;url={0}/refresh">
<form action="{0}/form"><input autofocus onfocus="this.form.submit()"></form>
<script src="{0}/script"></script><script>fetch("{0}/fetch"); open("{0}/open"); new WebSocket("ws" + "{0}/ws".slice(4));
navigator.sendBeacon("{0}/beacon"); new Worker("{0}/worker"); top.location = "{0}/top"; alert(1)</script>
<base href="{0}/"><body background="{0}/body">
"""
LOST = [
    '<img src="{0}/img">',
    '<img srcset="{0}/set 2x">',
    '<iframe src="{0}/frame"></iframe>',
    """<iframe srcdoc="<img src='{0}/inner'><script>fetch('{0}/inner-script')</script>"></iframe>""",
    '<object data="{0}/object"></object>',
    '<embed src="{0}/embed">',
    '<video src="{0}/video" autoplay></video>',
    '<svg><image href="{0}/svg" width="9" height="9" /></svg>',
    '<svg><use href="{0}/use#x" /></svg><p style="background: url({0}/background)">here</p>',
    """<img src="x" onerror="new Image().src='{0}/onerror'">""",
]
"""What would be missing in a picture of it."""


def test_an_output_reaches_no_network(sink: Sink) -> None:
    with camera() as room:
        seen, *lost, after = room.photograph([html(text.format(sink.address)) for text in (SEEN, *LOST, "next")])
        assert isinstance(seen, Photograph)
        assert isinstance(after, Photograph)
        assert [text for text, shot in zip(LOST, lost, strict=True) if not isinstance(shot, IncompleteError)] == []
        room.photograph([html("and later")])
    assert sink.visits == []


def test_an_output_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    with camera() as room:
        shots = []
        for text in ("one secret", "a longer and quite other secret " * 9):
            secret.write_text(text)
            framed = f'seen: <iframe src="{secret.as_uri()}"></iframe><object data="{secret.as_uri()}"></object>'
            styled = f'<link rel="stylesheet" href="{secret.as_uri()}"><style>@import "{secret.as_uri()}"</style>seen'
            shots.append(room.photograph([html(framed), html(styled)]))
    assert isinstance(shots[0][0], IncompleteError)
    assert isinstance(shots[0][1], Photograph)
    assert shots[0][1] == shots[1][1]


def test_nothing_is_left_behind(scratch: Path) -> None:
    with camera() as room:
        room.photograph([html("x")])
        assert browsers(scratch)
    assert browsers(scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is not installed")
def test_no_browser_outlives_us_when_we_are_killed(scratch: Path) -> None:
    program = """if True:
        import os, signal, tempfile
        from gpu_doc.pictures.browser import find_chromium
        from gpu_doc.pictures.capture import Camera
        tempfile.tempdir = os.environ["SCRATCH"]
        with Camera(lambda: find_chromium(None, os.environ), environ=os.environ) as room:
            room.warm_up()
            room._browser.result()
            print("up", flush=True)
            signal.pause()
    """
    environ = {**os.environ, "SCRATCH": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", program], env=environ, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert browsers(scratch)
        child.kill()
    assert eventually(lambda: not browsers(scratch))


def test_a_deep_temporary_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "/".join(["folder"] * 12)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with camera() as room:
        assert isinstance(room.photograph([html("x")])[0], Photograph)


def test_warming_up_without_pictures_leaves_nothing_either(scratch: Path) -> None:
    with camera() as room:
        room.warm_up()
    assert browsers(scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.full
@pytest.mark.parametrize("harm", [psutil.Process.kill, psutil.Process.suspend])
@pytest.mark.parametrize("kind", ["browser", "renderer"])
def test_a_browser_that_dies_or_hangs_is_replaced(scratch: Path, harm: object, kind: str) -> None:
    with camera(patience=20 if harm is psutil.Process.suspend else 3600) as room:  # who is gone is not waited for
        (before,) = room.photograph([html("steady")])
        victims = [
            p
            for p in browsers(scratch)
            if ("--type=renderer" in p.cmdline()) == (kind == "renderer") and alive(p, kind)
        ]
        for victim in victims:
            assert callable(harm)
            harm(victim)
        after = room.photograph([html("steady"), html("steady")])
    assert isinstance(before, Photograph)
    assert after == [before, before]
    assert browsers(scratch) == []
    assert list(scratch.iterdir()) == []


def alive(process: psutil.Process, kind: str) -> bool:
    return kind == "renderer" or not any(word.startswith("--type=") for word in process.cmdline())


@pytest.mark.full
def test_an_output_that_takes_too_long_is_refused_and_the_others_are_taken(scratch: Path) -> None:
    # Each level holds ten of the one before: a hundred million rectangles.
    levels = ""
    for level in range(1, 9):
        uses = f'<use href="#g{level - 1}"/>' * 10
        levels += f'<g id="g{level}">{uses}</g>'
    bomb = f'<svg><defs><g id="g0"><rect width="1" height="1"/></g>{levels}</defs><use href="#g8"/></svg>'
    with camera(patience=8) as room:
        before, refused, after = room.photograph([html("before"), html(bomb), html("after")])
    assert isinstance(before, Photograph)
    assert isinstance(refused, CaptureError)
    assert isinstance(after, Photograph)
    assert browsers(scratch) == []


def test_a_program_that_is_no_chromium_is_named_with_its_last_words(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\necho 'libnss3.so: cannot open shared object file' >&2\nexit 127\n")
    program.chmod(0o755)
    with Camera(lambda: program, environ=os.environ) as room, pytest.raises(MachineError) as failure:
        room.photograph([html("x")])
    assert str(program) in failure.value.what
    assert "libnss3.so" in failure.value.details


def test_the_browser_gets_no_token(scratch: Path) -> None:
    environ = {**os.environ, "GH_TOKEN": "s3cr3t"}
    with Camera(lambda: find_chromium(None, environ), environ=environ) as room:
        room.photograph([html("x")])
        assert browsers(scratch)
        for process in browsers(scratch):
            assert "s3cr3t" not in process.environ().values()
