"""What scripts of outputs may not do: reach anything, disturb another picture, or go on for ever."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.errors import CaptureError
from gpu_doc.model.pictures import Exhibit, Photograph
from gpu_doc.pictures import chromium, livepage
from gpu_doc.pictures.browser import find_chromium
from gpu_doc.pictures.capture import Camera
from gpu_doc.redaction import Redactor

from .pictures import html, new_camera
from .test_browser import Sink

pytestmark = pytest.mark.needs("chromium")

DRAWS = (
    "<canvas id=c width=200 height=60></canvas><script>const draw = (colour) => {"
    "const on = document.getElementById('c').getContext('2d'); on.fillStyle = colour; on.fillRect(9, 9, 99, 30)};"
    "draw('teal');%s</script>"
)
STILL = html(DRAWS % "", name="still")


def live(script: str, name: str = "live") -> Exhibit:
    """An output that is drawn by its script, which then does this."""
    return html(DRAWS % script, name=name)


@pytest.fixture
def sink() -> Iterator[Sink]:
    listening = Sink()
    yield listening
    listening.socket.close()


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0)
        yield listening


# Ways out; `A` is where someone listens.
WAYS = [
    "fetch(A).catch(() => {}); fetch(A, {mode: 'no-cors', keepalive: true}).catch(() => {})",
    "navigator.sendBeacon(A + '/beacon', 'x')",
    "new WebSocket('ws' + A.slice(4)); new EventSource(A)",
    "try { new WebTransport('https' + A.slice(4)) } catch {}",
    "new Image().src = A; new Audio(A).play().catch(() => {})",
    "open(A); open('about:blank')?.fetch(A)",
    "location = A",
    "location.assign('data:text/html,<img src=' + A + '>')",
    "location = URL.createObjectURL(new Blob(['<img src=' + A + '>'], {type: 'text/html'}))",
    "const f = document.createElement('form'); f.action = A; f.method = 'post'; document.body.append(f); f.submit()",
    (
        "const a = document.createElement('a'); a.href = A; a.download = 'x'; document.body.append(a); a.click(); "
        "a.ping = A; a.href = '#x'; a.click()"
    ),
    (
        "for (const rel of ['stylesheet', 'preconnect', 'dns-prefetch', "
        "'prefetch', 'preload', 'modulepreload', 'icon']) "
        "{ const l = document.createElement('link'); l.rel = rel; l.href = A; document.head.append(l) }"
    ),
    "new Worker(URL.createObjectURL(new Blob([`fetch('${A}'); importScripts('${A}')`])))",
    "new SharedWorker(URL.createObjectURL(new Blob([`fetch('${A}')`])))",
    "navigator.serviceWorker?.register(A).catch(() => {}); navigator.serviceWorker?.register('/x').catch(() => {})",
    "const i = document.createElement('iframe'); i.src = A; document.body.append(i)",
    (
        "const s = document.createElement('iframe'); s.srcdoc = `<img src='${A}'><script>fetch('${A}')<\\/script>`; "
        "document.body.append(s)"
    ),
    (
        "const p = new RTCPeerConnection({iceServers: [{urls: 'stun:127.0.0.1:UDP'}, {urls: 'turn:127.0.0.1:UDP', "
        "username: 'a', credential: 'b'}]}); p.createDataChannel('x'); "
        "p.createOffer().then(o => p.setLocalDescription(o))"
    ),
    (
        "const d = document.implementation.createHTMLDocument(); d.body.innerHTML = `<img src='${A}'>`; "
        "document.body.append(d.body.firstChild)"
    ),
    (
        "document.head.insertAdjacentHTML('beforeend', `<script type=speculationrules>"
        '{"prefetch": [{"source": "list", "urls": ["${A}"]}]}<\\/script>'
        "<meta http-equiv=refresh content='0;url=${A}'>`)"
    ),
    "import(A).catch(() => {})",
    "alert(1); confirm(1); prompt(1); print()",
]


@pytest.mark.full
def test_scripts_reach_no_network(sink: Sink, datagrams: socket.socket) -> None:
    udp = str(datagrams.getsockname()[1])
    scripts = [f"const A = '{sink.address}'; {way}".replace("UDP", udp) for way in WAYS]
    with new_camera(patience=20) as room:
        shots = room.photograph([*map(live, scripts), STILL])
        assert isinstance(shots[-1], Photograph)
        # Whatever was still under way would have come by the time that others were taken.
        assert room.photograph([STILL]) == [shots[-1]]
    assert sink.visits == []
    with pytest.raises(BlockingIOError):
        datagrams.recv(100)


NETWORK = ("--proxy-", "--host-resolver-rules", "--webrtc-", "--force-webrtc-")
"""Chromium's flags without which it has a network."""


@pytest.mark.full
@pytest.mark.parametrize("layer", ["flags", "policy and gate"])
def test_each_layer_by_itself_lets_no_request_out(monkeypatch: pytest.MonkeyPatch, sink: Sink, layer: str) -> None:
    """With the other one taken out.

    Only the flags stop WebRTC, and connections that are opened ahead, by which nothing is said: no request shows them.
    """
    if layer == "flags":
        monkeypatch.setattr(livepage, "_POLICY", "default-src * data: blob: 'unsafe-inline' 'unsafe-eval'")
        monkeypatch.setattr(livepage.LivePage, "_refuse", _let_go)
    else:
        monkeypatch.setattr(chromium, "_FLAGS", tuple(flag for flag in chromium._FLAGS if not flag.startswith(NETWORK)))
    ways = [way for way in WAYS if "RTCPeerConnection" not in way]
    with new_camera(patience=10) as room:
        shots = room.photograph([*(live(f"const A = '{sink.address}'; {way}") for way in ways), STILL])
    assert isinstance(shots[-1], Photograph)
    said = [visit for visit in sink.visits if visit]
    assert said == []
    assert layer != "flags" or sink.visits == []


def _let_go(page: livepage.LivePage, event: dict[str, Any]) -> None:
    page.send("Fetch.continueRequest", requestId=event["requestId"])


def test_scripts_run_at_all() -> None:
    """Without this, nothing above would say anything."""
    with new_camera() as room:
        teal, red = room.photograph([STILL, live("setTimeout(() => draw('red'), 300)")])
    assert isinstance(teal, Photograph)
    assert isinstance(red, Photograph)
    assert teal != red


def test_scripts_read_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.js"
    secret.write_text("draw('red')")
    address = secret.as_uri()
    ways = [
        f"const s = document.createElement('script'); s.src = '{address}'; document.body.append(s)",
        f"location = '{address}'",
        f"fetch('{address}').then(() => draw('red')).catch(() => {{}})",
        f"import('{address}').catch(() => {{}})",
    ]
    with new_camera(patience=20) as room:
        teal, *others = room.photograph([STILL, *map(live, ways)])
    assert [shot for shot in others if isinstance(shot, Photograph) and shot != teal] == []


def test_no_output_sees_or_changes_another() -> None:
    leaves = (
        "localStorage.setItem('mark', '1'); document.cookie = 'mark=1; SameSite=None; Secure'; "
        "indexedDB.open('mark'); caches.open('mark'); window.name = 'mark'; "
        "setInterval(() => new BroadcastChannel('mark').postMessage(1), 1); "
    )
    finds = (
        "const found = () => draw('red'); new BroadcastChannel('mark').onmessage = found; "
        "if (localStorage.getItem('mark') || document.cookie || window.name) found(); "
        "if (window.opener || parent !== window) found(); "
        "indexedDB.databases().then((all) => all.length && found()); caches.keys().then((all) => all.length && found())"
    )
    with new_camera(patience=20) as room:
        still, _, found, plain = room.photograph([STILL, live(leaves), live(finds), html("plain text")])
        assert still == found
        assert [plain] == room.photograph([html("plain text")])


# What goes on for ever or takes all there is, and what the refusal says.
ENDLESS = {
    "a loop": ("for (;;) {}", "did not answer in time"),
    "a loop later on": ("setTimeout(() => { for (;;) {} }, 50)", "did not answer in time"),
    "an animation": (
        "let n = 0; const go = () => { draw(`rgb(${n++ % 256},0,0)`); requestAnimationFrame(go) }; go()",
        "never comes to rest",
    ),
    "a request": ("document.write('<img src=https://example.org/x.png>')", "https://example.org/x.png"),
    "an error": ("nothing.there()", "ReferenceError: nothing is not defined"),
    "a rejected promise": ("Promise.reject(new Error('not today'))", "not today"),
    "a broken promise to draw": ("document.write('<div class=plotly-graph-div></div>')", "nothing was drawn"),
    "a page that leaves": ("location = URL.createObjectURL(new Blob(['gone'], {type: 'text/html'}))", ""),
}


@pytest.mark.full
def test_what_never_ends_is_refused_and_the_others_are_taken() -> None:
    with new_camera(patience=6) as room:
        exhibits = [live(script, name) for name, (script, _) in ENDLESS.items()]
        before, *refused, after = room.photograph([STILL, *exhibits, STILL])
    assert isinstance(before, Photograph)
    assert before == after
    for (name, (_, says)), shot in zip(ENDLESS.items(), refused, strict=True):
        assert isinstance(shot, CaptureError), name
        assert says in shot.what, name
        assert name in shot.what
        assert shot.remedy


@pytest.mark.full
@pytest.mark.parametrize(
    "script",
    [
        "const all = []; for (;;) all.push(new Uint8Array(5e7).fill(1))",
        (
            "const all = []; setInterval(() => all.push(new Blob([new Uint8Array(1e8).fill(all.length)])), 1); "
            "setInterval(() => draw(`rgb(${all.length % 256},0,0)`), 5)"
        ),
    ],
    ids=["arrays", "blobs"],
)
def test_memory_is_bounded(script: str) -> None:
    with new_camera(patience=30) as room:
        refused, after = room.photograph([live(script), STILL])
    assert isinstance(refused, CaptureError)
    assert isinstance(after, Photograph)


def test_a_picture_that_would_be_too_large_is_refused() -> None:
    grows = "document.write('<div style=\"width:3000px;height:7000px;background:teal\">x</div>')"
    with new_camera() as room:
        (shot,) = room.photograph([live(grows)])
    assert isinstance(shot, CaptureError)
    assert "CSS pixels high, and a picture can have 5," in shot.what


def test_a_secret_that_a_script_puts_together_is_not_pictured() -> None:
    redactor = Redactor(["tr0ub4dor-and-3"])
    with Camera(lambda: find_chromium(None, os.environ), environ=os.environ, redactor=redactor) as room:
        shown, hidden = room.photograph(
            [live("document.body.append('tr0ub4dor' + '-and-' + 3)"), live("document.body.append('no secret')")]
        )
    assert isinstance(shown, CaptureError)
    assert "secret" in shown.what
    assert isinstance(hidden, Photograph)


def test_devtools_are_out_of_reach() -> None:
    """Chromium listens on the loopback for us; an output that knew the port could open pages by it."""
    with new_camera(patience=20) as room:
        room.warm_up()
        assert room._browser is not None
        process = room._browser.result()._process
        port = process.address(5).split(":")[2].partition("/")[0]
        base = f"http://127.0.0.1:{port}"
        script = (
            "const seen = () => draw('red'); "
            f"fetch('{base}/json/version', {{mode: 'no-cors'}}).then(seen).catch(() => {{}});"
            f"const s = new WebSocket('{process.address(5)}'); s.onopen = seen"
        )
        teal, other = room.photograph([STILL, live(script)])
    assert teal == other or isinstance(other, CaptureError)


def test_a_host_that_is_not_named_is_refused_with_what_to_do() -> None:
    with new_camera() as room:
        (shot,) = room.photograph([live("document.write('<script src=https://cdn.example.org/a.js><\\/script>')")])
    assert isinstance(shot, CaptureError)
    assert "https://cdn.example.org/a.js" in shot.what
    assert "allow-hosts" in shot.remedy


def test_a_map_of_folium_is_refused_with_what_helps() -> None:
    """Its script stands in a frame, written with entities."""
    page = (
        "<script src='https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js'></script><script>L.map('m')</script>"
    )
    text = f'<p>Make this Notebook Trusted</p><iframe srcdoc="{escape(page)}" width=300 height=200></iframe>'
    with new_camera() as room:
        (shot,) = room.photograph([html(text)])
    assert isinstance(shot, CaptureError)
    assert "leaflet.js" in shot.what
    assert "an image of the map" in shot.remedy
    assert "savefig" not in shot.remedy
