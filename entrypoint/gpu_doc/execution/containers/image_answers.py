"""What engines say of images, typed: those that they have, those in a registry, and how a pull goes on.

Each reader says what it means where a field lacks. Only where nothing can be done without, EngineError says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.execution.containers.answer_fields import as_list, as_number, as_table, as_text, as_texts, lacks

_LISTS, _TEXTS = frozenset(("Cmd", "Entrypoint", "Env")), frozenset(("User", "WorkingDir"))
"""Of an image's Config."""


@dataclass(frozen=True, kw_only=True)
class Configured:
    """What an image says of how it runs; newer engines leave out what is empty (API 1.52)."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    folder: str


def configured(image: Any) -> Configured:
    """Return the Config in GET /images/NAME/json."""
    found = as_table(as_table(image).get("Config"))
    return Configured(
        entrypoint=as_texts(found.get("Entrypoint")),
        command=as_texts(found.get("Cmd")),
        user=as_text(found.get("User")),
        folder=as_text(found.get("WorkingDir")),
    )


def described(answer: Any) -> dict[str, Any]:
    """Return GET /images/NAME/json with what is not as the API describes it left out. Raises EngineError: no id."""
    found = dict(as_table(answer))
    if not as_text(found.get("Id")):
        raise lacks("Id", "the id of an image", answer)
    config = dict(as_table(found.get("Config")))
    for name in _LISTS & config.keys():
        config[name] = list(as_texts(config[name]))
    for name in _TEXTS & config.keys():
        config[name] = as_text(config[name])
    identity = found.get("Identity")
    pulls = [
        {"Repository": as_text(as_table(each).get("Repository"))} for each in as_list(as_table(identity).get("Pull"))
    ]
    return {
        **found,
        "Config": config,
        "RepoDigests": list(as_texts(found.get("RepoDigests"))),
        "RootFS": {"Layers": list(as_texts(as_table(found.get("RootFS")).get("Layers")))},
        "Identity": {"Pull": pulls} if isinstance(identity, Mapping) and identity else None,
    }


def distribution(answer: Any) -> tuple[str, str]:
    """Return digest and kind of what a registry has: GET /distribution/NAME/json. Raises EngineError: no digest."""
    found = as_table(as_table(answer).get("Descriptor"))
    if not as_text(found.get("digest")):
        raise lacks("Descriptor", "the digest of an image", answer)
    return as_text(found.get("digest")), as_text(found.get("mediaType"))


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """An event of POST /images/create."""

    layer: str
    """Empty where it is about the whole image."""
    status: str
    here: int
    """Bytes; so is `whole`, 0 where it is not known."""
    whole: int
    problem: str
    """Why there will be no image."""


def pulled(event: Any) -> Pulled:
    """Return an event of a pull, from which anything may lack. `error` goes with API 1.48, `errorDetail` stays."""
    found = as_table(event)
    size = as_table(found.get("progressDetail"))
    return Pulled(
        layer=as_text(found.get("id")),
        status=as_text(found.get("status")),
        here=as_number(size.get("current")),
        whole=as_number(size.get("total")),
        problem=as_text(found.get("error")) or as_text(as_table(found.get("errorDetail")).get("message")),
    )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What Podman says of an image in a registry: GET /libpod/manifests/NAME/json."""

    problem: str
    kind: str
    """Its media type; empty where it doesn't say."""
    lists: bool
    """It lists images for several kinds of machines."""


def manifest(answer: Any) -> Manifest:
    """Return what Podman says of an image in a registry, from which anything may lack."""
    found = as_table(answer)
    kind, problem = as_text(found.get("mediaType")), as_text(found.get("message"))
    return Manifest(problem=problem, kind=kind, lists=bool(as_list(found.get("manifests"))))


def size(image: Any) -> int:
    """Return the bytes of an image, 0 where the engine doesn't say."""
    return as_number(as_table(image).get("Size"))
