"""Finds images on the engine or pulls them, and reports the progress of a pull."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gpu_doc.execution.containers import engine_facts, image_answers, origin
from gpu_doc.execution.containers import reference as references
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError, refusal
from gpu_doc.execution.containers.image_answers import Pulled
from gpu_doc.model.configuration import ImageIdentity


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that the engine has."""

    reference: str
    """As written in gpu-doc.yml."""
    id: str
    """`sha256:…`. Containers are made from it, so that a moving tag changes nothing."""
    identity: ImageIdentity
    """The identity in fingerprints and evidence."""
    choices: tuple[str | None, ...]
    """Possible digests, if only the registry knows the right one; with None among them if there may be none."""
    user: str
    """The image's own user; empty means root."""
    environment: Mapping[str, str]


def find(engine: Engine, reference: str, *, known: ImageIdentity | None = None) -> Image | None:
    """Return an image that the engine has; else None. `known`: see `ensure`. Raises EngineError."""
    return _described(engine, reference, reference, known)


def ensure(
    engine: Engine, reference: str, *, pull: str, known: ImageIdentity | None, progress: Callable[[str], None]
) -> Image:
    """Return the image that a run uses; pull it if `pull` (missing, always, never) says so.

    `known` is the identity of the same reference in evidence. A run keeps it while it is here or can be pulled; only
    `always` changes it. For an image that no registry has, its name on the engine decides.

    Raises EngineError if there is no such image, or it can't be pulled.
    """
    if pull == "always":
        return _newest(engine, reference, known, progress)
    usable = references.usable(known, reference)
    here = find(engine, reference, known=known)
    if here and (usable is None or here.identity.same(usable)):
        return _identified(engine, here)
    if usable and (held := _known(engine, reference, usable, pull, progress)):
        return held
    return _identified(engine, here) if here else _missing(engine, reference, pull, progress)


def _known(
    engine: Engine, reference: str, known: ImageIdentity, pull: str, progress: Callable[[str], None]
) -> Image | None:
    """Return the image in evidence; pull it by its digest if needed. None if it is not available any more."""
    held = _described(engine, known.digest, reference, known)
    if held or pull == "never":
        return held
    try:
        _pull(engine, known.digest, progress)
    except EngineError as error:
        if error.cause == "engine":
            raise
        progress(f"{known.digest} can't be had any more ({error}): taking {reference} as it is now")
        return None
    return _described(engine, known.digest, reference, known)


def _newest(engine: Engine, reference: str, known: ImageIdentity | None, progress: Callable[[str], None]) -> Image:
    try:
        digest = _pull(engine, reference, progress)
    except EngineError as error:
        here = find(engine, reference, known=known)
        if error.cause == "engine" or not here:
            raise
        if origin.may_be_a_registrys(reference, here.identity, here.choices, known, error):
            raise
        progress(f"{reference} was built here, and no registry gives another ({error}): taking it as it is")
        return replace(here, identity=origin.by_content(here.identity))
    return _there(engine, reference, known, digest)


def _missing(engine: Engine, reference: str, pull: str, progress: Callable[[str], None]) -> Image:
    if pull == "never":
        raise EngineError(
            f"the image {reference} is not on the engine, and `pull: never` forbids to pull it",
            cause="image",
            remedy=f"Pull it there by hand (docker pull {reference}), or set `pull: missing`.",
        )
    return _there(engine, reference, None, _pull(engine, reference, progress))


def _there(engine: Engine, reference: str, known: ImageIdentity | None, digest: str) -> Image:
    image = find(engine, reference, known=known)
    if image is None:
        raise refusal(f"no such image: it was removed right after it was pulled: {reference}", where=reference)
    return _identified(engine, image, pulled=digest)


def _identified(engine: Engine, image: Image, *, pulled: str | None = None) -> Image:
    identity = origin.with_registry_digest(engine, image.reference, image.identity, image.choices, pulled=pulled)
    return replace(image, identity=identity, choices=())


def _described(engine: Engine, name: str, reference: str, known: ImageIdentity | None) -> Image | None:
    try:
        with sentences(reference):
            description = image_answers.described(engine.client.api.inspect_image(name))
    except EngineError as error:
        if error.cause == "image":
            return None
        raise
    config = description["Config"]
    identity, choices = references.identify(description, reference, known, podman=engine.facts.podman)
    if None in choices and _tells_origin(engine):  # had the image been pulled, the engine would say so
        identity, choices = origin.by_content(identity), ()
    return Image(
        reference=reference,
        id=description["Id"],
        identity=identity,
        choices=choices,
        user=config.get("User") or "",
        environment=dict(each.partition("=")[::2] for each in config.get("Env") or ()),
    )


def _tells_origin(engine: Engine) -> bool:
    """Return whether the engine tells where images were pulled from (`Identity`)."""
    return not engine.facts.podman and engine_facts.numbers(str(engine.client.api.api_version)) >= _TELLS_ORIGIN


_TELLS_ORIGIN = (1, 53)


# --- pulling ---------------------------------------------------------------------------------------------------------


def _pull(engine: Engine, reference: str, progress: Callable[[str], None]) -> str:
    """Pull with the runner's own `docker login`; the SDK also asks credential helpers.

    Return the digest that the engine reports; empty if it reports none, like Podman.
    """
    digest = None
    meter = Meter()
    progress(f"pulling {reference}")
    begin = time.monotonic()
    due = begin + _FIRST
    with sentences(reference):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # a warning about a missing credential helper; the error comes next
            events = engine.client.api.pull(reference, stream=True, decode=True)
        for event in map(image_answers.pulled, events):
            if event.problem:
                raise refusal(event.problem, where=reference)
            digest = _DIGEST.fullmatch(event.status) or digest
            meter.take(event)
            now = time.monotonic()
            if now >= due:
                progress(f"pulling {reference}: {meter}")
                due = now + min(_SELDOM, now - begin)
    return digest[1] if digest else ""


_DIGEST = re.compile(r"Digest: (sha256:[0-9a-f]{64})")
_FIRST = 3.0
_SELDOM = 30.0
"""Seconds before the first message about a pull, and between messages: a log is not a terminal."""

_DONE = ("Pull complete", "Already exists")


class Meter:
    """Adds up a pull's events: https://docs.docker.com/reference/api/engine/ - POST /images/create."""

    def __init__(self) -> None:
        self._layers: dict[str, str] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def take(self, event: Pulled) -> None:
        """Take one event."""
        layer, status = event.layer, event.status
        if not layer or status.startswith("Pulling from"):
            return
        self._layers[layer] = status
        if status == "Downloading" and event.whole:
            self._sizes[layer] = (event.here, event.whole)
        elif layer in self._sizes and status != "Downloading":
            self._sizes[layer] = (self._sizes[layer][1],) * 2

    def __str__(self) -> str:
        done = sum(status in _DONE for status in self._layers.values())
        here, whole = (sum(sizes[i] for sizes in self._sizes.values()) for i in (0, 1))
        waiting = any(status in ("Pulling fs layer", "Waiting") for status in self._layers.values())
        size = f", {here / 1e6:.0f} of {whole / 1e6:.0f} MB{' and more' * waiting}" if whole else ""
        return f"{done} of {len(self._layers)} layers{size}"
