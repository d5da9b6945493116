"""Which requests of an output's scripts leave this machine."""

from __future__ import annotations

import pytest

from gpu_doc.pictures.gate import Gate, is_missed


@pytest.mark.parametrize(
    "address",
    ["https://cdn.example.org/a.js", "https://CDN.example.org:443/a?b#c", "https://cdn.example.org./a"],
)
def test_a_named_host_is_reached_by_https(address: str) -> None:
    assert Gate(["cdn.example.org"]).opens(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://cdn.example.org/a.js",
        "https://cdn.example.org:8443/a.js",
        "https://cdn.example.org:x/a.js",
        "https://example.org/a.js",
        "https://a.cdn.example.org/a.js",
        "https://cdn.example.org.evil.org/a.js",
        "https://evil.org/https://cdn.example.org/",
        "https://cdn.example.org@evil.org/",
        "https://evil.org@cdn.example.org/",
        "https://evil.org\\@cdn.example.org/",
        "https://evil.org#@cdn.example.org/",
        "wss://cdn.example.org/",
        "ftp://cdn.example.org/",
        "file:///etc/passwd",
        "file://cdn.example.org/etc/passwd",
        "//cdn.example.org/a",
        "https:///a",
        "https://[::1/",
        "",
    ],
)
def test_nothing_else_is(address: str) -> None:
    assert not Gate(["cdn.example.org"]).opens(address)
    assert not Gate().opens(address)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "get"])
def test_nothing_is_sent_but_questions(method: str) -> None:
    gate = Gate(["cdn.example.org"])
    assert not gate.opens("https://cdn.example.org/a", method)
    assert gate.answer("https://cdn.example.org/a", method) is None


def test_what_is_installed_is_answered_without_any_host() -> None:
    gate = Gate(local={"https://cdn.plot.ly/plotly-9.9.9.min.js": b"draw()"}.get)
    answer = gate.answer("https://cdn.plot.ly/plotly-9.9.9.min.js", "GET")
    assert answer is not None
    assert (answer.body, answer.type) == (b"draw()", "text/javascript; charset=utf-8")
    assert gate.answer("https://cdn.plot.ly/plotly-9.9.8.min.js", "GET") is None


def test_what_only_counts_or_prepares_is_not_missed() -> None:
    assert is_missed("https://example.org/a.js", "Script")
    assert not is_missed("https://example.org/a.js", "Ping")
    assert not is_missed("https://cdnjs.cloudflare.com/ajax/libs/mathjax/2.7.5/MathJax.js", "Script")
