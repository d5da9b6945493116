"""Typed readers for engines' answers about images: local ones, those in a registry, and the progress of a pull.

Each reader documents what a missing field means. A field that we can't do without raises EngineError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpu_doc.execution.containers.answer_fields import as_list, as_number, as_table, as_text, as_texts, lacks

_LISTS, _TEXTS = frozenset(("Cmd", "Entrypoint", "Env")), frozenset(("User", "WorkingDir"))
"""Fields of an image's Config."""


@dataclass(frozen=True, kw_only=True)
class Configured:
    """How an image wants to be run. Newer engines leave out empty fields (API 1.52)."""

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
    """Return GET /images/NAME/json without fields of a wrong type. Raises EngineError if there is no id."""
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
    """Return a registry's digest and media type from GET /distribution/NAME/json. Raises EngineError without digest."""
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
    """Bytes, as is `whole`; 0 if not known."""
    whole: int
    problem: str
    """Why the pull failed."""


def pulled(event: Any) -> Pulled:
    """Return an event of a pull; any field may be missing. API 1.48 drops `error` and keeps `errorDetail`."""
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
    """Podman's answer about an image in a registry: GET /libpod/manifests/NAME/json."""

    problem: str
    kind: str
    """Its media type; empty if missing."""
    lists: bool
    """Whether it lists images for several platforms."""


def manifest(answer: Any) -> Manifest:
    """Return Podman's answer about an image in a registry; any field may be missing."""
    found = as_table(answer)
    kind, problem = as_text(found.get("mediaType")), as_text(found.get("message"))
    return Manifest(problem=problem, kind=kind, lists=bool(as_list(found.get("manifests"))))


def size(image: Any) -> int:
    """Return the bytes of an image; 0 if the engine doesn't say."""
    return as_number(as_table(image).get("Size"))
