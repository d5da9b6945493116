"""The way out of pages whose scripts run: none, but to the scripts of libraries that lie here, and to named hosts.

Chromium itself has no network at all (pictures/chromium.py). What a page asks for is answered by us, or refused: so
no redirect, no name server and no cookie of a browser decides where a request ends.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

_LARGEST = 50_000_000  # bytes of one answer
_SECONDS = 15
_NEEDED = frozenset({"Document", "Stylesheet", "Image", "Media", "Font", "Script", "XHR", "Fetch", "Other"})
_SPARE = re.compile(r"/mathjax|font-?awesome", re.IGNORECASE)
"""Plotly's HTML names MathJax in each figure, and draws all but formulas without; Matplotlib's has icons on buttons."""


@dataclass(frozen=True)
class Answer:
    """What a page gets."""

    body: bytes
    type: str
    status: int = 200


class Gate:
    """Decides what a page may load, and gets it."""

    def __init__(
        self,
        allowed: Collection[str] = (),
        *,
        environ: Mapping[str, str] | None = None,
        local: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        """`allowed` are names of hosts, `local` gives the script that an address stands for where it is installed here.

        `environ` is where a proxy may be named (HTTPS_PROXY).
        """
        self._allowed = frozenset(host.lower().rstrip(".") for host in allowed)
        self._environ = environ or {}
        self._local = local

    def opens(self, address: str, method: str = "GET") -> bool:
        """Whether a request may leave this machine: GET, by HTTPS, to the usual port of a host that is allowed."""
        try:
            parts = urlsplit(address)
            usual = parts.port in (None, 443)
        except ValueError:
            return False
        plain = parts.username is None and parts.password is None
        host = (parts.hostname or "").rstrip(".")
        return method == "GET" and parts.scheme == "https" and usual and plain and host in self._allowed

    def answer(self, address: str, method: str) -> Answer | None:
        """Give what lies at an address; None where it is refused, or can't be had. May take seconds."""
        script = self._local(address) if method == "GET" else None
        if script is not None:
            return Answer(script, f"text/{'css' if address.endswith('.css') else 'javascript'}; charset=utf-8")
        return self._fetched(address) if self.opens(address, method) else None

    def _fetched(self, address: str) -> Answer | None:
        names = ("https_proxy", "HTTPS_PROXY")
        proxy = next((self._environ[name] for name in names if self._environ.get(name)), None)
        handlers = [urllib.request.ProxyHandler({"https": proxy} if proxy else {}), _Redirects(self)]
        request = urllib.request.Request(address, headers={"User-Agent": "gpu-doc"})  # noqa: S310 - `opens` saw that it is https
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as response:
                body = response.read(_LARGEST + 1)
                type_ = response.headers.get("Content-Type", "application/octet-stream")
                return Answer(body, type_, response.status) if len(body) <= _LARGEST else None
        except (OSError, HTTPException, ValueError):
            return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect where the gate is open too."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not self._gate.opens(newurl):
            raise urllib.error.URLError("redirected to a host that is not allowed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_missed(address: str, kind: str) -> bool:
    """Whether a picture may lack something where a request was refused: not by what only counts or prepares."""
    return kind in _NEEDED and not _SPARE.search(address) and not address.endswith("/favicon.ico")
