"""Images: found on the engine, or pulled, with what the pull is doing said in words."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.outside.containers import reference as references
from gpu_doc.outside.containers.engine import Engine, sentences
from gpu_doc.outside.containers.failures import EngineError, refusal


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that the engine has."""

    reference: str
    """As it is written in gpu-doc.yml."""
    id: str
    """`sha256:…`; containers are made from it, so that a tag that moves meanwhile changes nothing."""
    digest: str
    """What fingerprints and evidence hold: `repository@sha256:…`, or the id where no registry has it."""
    user: str
    """Whom it runs as by itself; empty is root."""
    environment: Mapping[str, str]


def find(engine: Engine, reference: str, *, known: str | None = None) -> Image | None:
    """Return an image that the engine has, None where it hasn't. `known`: see `ensure`. Raises EngineError."""
    return _described(engine, reference, reference, known)


def ensure(engine: Engine, reference: str, *, pull: str, known: str | None, progress: Callable[[str], None]) -> Image:
    """Return the image that a run takes, pulled where `pull` (missing, always, never) says so.

    `known` is the digest in evidence of the same reference. It stays the one, as long as it is here or can be pulled;
    only `always` moves it.

    Raises EngineError: there is none such, or it can't be pulled.
    """
    if pull == "always":
        return _newest(engine, reference, progress)
    usable = references.usable(known, reference)
    return (
        (usable and _known(engine, reference, usable, pull, progress))
        or find(engine, reference, known=known)
        or _missing(engine, reference, pull, progress)
    )


def offered(engine: Engine, reference: str) -> str:
    """Return the digest that an image has where it would be pulled from, without pulling. Raises EngineError."""
    with sentences(reference):
        description = engine.client.api.inspect_distribution(reference)
    return str(description["Descriptor"]["digest"])


def _known(engine: Engine, reference: str, known: str, pull: str, progress: Callable[[str], None]) -> Image | None:
    """Return the image in evidence, pulled by its digest where need be; None where it can't be had any more."""
    held = _described(engine, known, reference, known)
    if held or pull == "never" or "@" not in known:
        return held
    try:
        _pull(engine, known, progress)
    except EngineError as error:
        if error.cause == "engine":
            raise
        progress(f"{known} can't be had any more ({error}): taking {reference} as it is now")
        return None
    return _described(engine, known, reference, known)


def _newest(engine: Engine, reference: str, progress: Callable[[str], None]) -> Image:
    try:
        _pull(engine, reference, progress)
    except EngineError as error:
        here = find(engine, reference)
        # An image that was built here has no digest in the repository: no registry could have a newer one.
        if error.cause == "engine" or not here or here.digest != here.id:
            raise
        progress(f"{reference} was built here, and no registry gives another ({error}): taking it as it is")
        return here
    return _there(engine, reference)


def _missing(engine: Engine, reference: str, pull: str, progress: Callable[[str], None]) -> Image:
    if pull == "never":
        raise EngineError(
            f"the image {reference} is not on the engine, and `pull: never` forbids to pull it",
            cause="image",
            remedy=f"Pull it there by hand (docker pull {reference}), or set `pull: missing`.",
        )
    _pull(engine, reference, progress)
    return _there(engine, reference)


def _there(engine: Engine, reference: str) -> Image:
    image = find(engine, reference)
    if image is None:
        raise refusal(f"no such image: it was removed right after it was pulled: {reference}", where=reference)
    return image


def _described(engine: Engine, name: str, reference: str, known: str | None) -> Image | None:
    try:
        with sentences(reference):
            description = engine.client.api.inspect_image(name)
    except EngineError as error:
        if error.cause == "image":
            return None
        raise
    config = description.get("Config") or {}
    return Image(
        reference=reference,
        id=description["Id"],
        digest=references.digest(description, reference, known),
        user=config.get("User") or "",
        environment=dict(each.partition("=")[::2] for each in config.get("Env") or ()),
    )


# --- pulling ---------------------------------------------------------------------------------------------------------


def _pull(engine: Engine, reference: str, progress: Callable[[str], None]) -> None:
    """Pull with the runner's own `docker login`, credential helpers included: the SDK asks them."""
    meter = Meter()
    progress(f"pulling {reference}")
    begin = time.monotonic()
    due = begin + _FIRST
    with sentences(reference):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of a credential helper that is not there; it is an error next
            events = engine.client.api.pull(reference, stream=True, decode=True)
        for event in events:
            if "error" in event:
                raise refusal(str(event["error"]), where=reference)
            meter.take(event)
            now = time.monotonic()
            if now >= due:
                progress(f"pulling {reference}: {meter}")
                due = now + min(_SELDOM, now - begin)


_FIRST = 3.0
_SELDOM = 30.0
"""Seconds until a pull is first heard of, and at most between two words of it: a log is no terminal."""

_DONE = ("Pull complete", "Already exists")


class Meter:
    """Adds up a pull's events: https://docs.docker.com/reference/api/engine/ - POST /images/create."""

    def __init__(self) -> None:
        self._layers: dict[str, str] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event."""
        layer, status = event.get("id"), event.get("status", "")
        if not layer or status.startswith("Pulling from"):
            return
        self._layers[layer] = status
        size = event.get("progressDetail") or {}
        if status == "Downloading" and size.get("total"):
            self._sizes[layer] = (size.get("current", 0), size["total"])
        elif layer in self._sizes and status != "Downloading":
            self._sizes[layer] = (self._sizes[layer][1],) * 2

    def __str__(self) -> str:
        done = sum(status in _DONE for status in self._layers.values())
        here, whole = (sum(sizes[i] for sizes in self._sizes.values()) for i in (0, 1))
        waiting = any(status in ("Pulling fs layer", "Waiting") for status in self._layers.values())
        size = f", {here / 1e6:.0f} of {whole / 1e6:.0f} MB{' and more' * waiting}" if whole else ""
        return f"{done} of {len(self._layers)} layers{size}"
