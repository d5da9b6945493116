"""Where images come from: which registry has one, and under which digest.

Docker's classic store keeps a registry's digests only. Containerd's store gives every image one, of which only the
registry, or Docker from API 1.53 on, can tell whether anybody else knows it. And an image may have two digests in one
repository: that of an index, and that of what the index lists for this kind of machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from gpu_doc.model import ImageIdentity
from gpu_doc.outside.containers.engine import Engine, sentences
from gpu_doc.outside.containers.failures import EngineError
from gpu_doc.outside.containers.reference import repository

_PATIENCE = 10.0
"""Seconds that a registry may take to say whether it has an image. Without its answer we get on, too."""

_INDEX = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def offered(engine: Engine, reference: str) -> str:
    """Return the digest that an image has where it would be pulled from, without pulling. Raises EngineError."""
    with _briefly(engine):
        return _offer(engine, reference)[0]


def _offer(engine: Engine, reference: str) -> tuple[str, str]:
    with sentences(reference):
        found = engine.client.api.inspect_distribution(reference)["Descriptor"]
    return str(found["digest"]), str(found.get("mediaType"))


def settled(
    engine: Engine, reference: str, identity: ImageIdentity, choices: Sequence[str], *, pulled: str | None = None
) -> ImageIdentity:
    """Return the identity with the digest that a registry has the image by, if one has it.

    `choices`: of `reference.identify`; one is that or none, of several it is one. `pulled`: what a pull told.
    """
    for choice in choices:
        if pulled and choice.endswith(f"@{pulled}"):
            return replace(identity, digest=choice)
    if not choices:
        return identity
    try:
        with _briefly(engine):
            found = _asked(engine, reference, choices)
    except EngineError:
        # What nobody answers for, is more often built here where its name says no registry.
        unnamed = repository(reference).startswith("docker.io/")
        found = None if len(choices) == 1 and unnamed else _of_podman(engine, reference, choices) or choices[0]
    if found is None and len(choices) > 1:
        found = choices[0]
    return replace(identity, digest=found) if found else by_content(identity)


def by_content(identity: ImageIdentity) -> ImageIdentity:
    """Return the identity of an image that no registry has."""
    return ImageIdentity(identity.content or identity.digest.rpartition("@")[2], identity.content)


def may_be_a_registrys(
    reference: str, identity: ImageIdentity, choices: Sequence[str], known: ImageIdentity | None, error: EngineError
) -> bool:
    """Say whether a registry may have an image that it would not give just now, for `error`'s reason."""
    if len(choices) != 1:
        return bool(choices) or "@" in identity.digest
    was_a_registrys = known is not None and known.content is not None and "@" in known.digest
    if error.cause == "image":
        return False
    if error.cause == "refused":  # Docker Hub's word for names that nobody has
        return was_a_registrys
    return was_a_registrys or not repository(reference).startswith("docker.io/")


def _asked(engine: Engine, reference: str, choices: Sequence[str]) -> str | None:
    """Return the digest that the registry has; an index goes first. Raises EngineError: it can't be asked."""
    held: list[str] = []
    for name in (reference, *choices):  # the tag may have moved on, or be gone
        try:
            digest, kind = _offer(engine, name)
        except EngineError as error:
            if error.cause in ("image", "refused"):
                continue
            raise
        found = [choice for choice in choices if choice.endswith(f"@{digest}")]
        if found and (name == reference or kind in _INDEX):
            return found[0]
        held += found
    return held[0] if held else None


def _of_podman(engine: Engine, reference: str, choices: Sequence[str]) -> str | None:
    """Return the index's digest, as far as Podman's own API tells; None where it is not Podman."""
    # https://docs.podman.io/en/latest/_static/api.html - GET /libpod/images/{name}/json
    api = engine.client.api
    with suppress(EngineError, ValueError), sentences():
        answer = api.get(f"{api.base_url}/v4.0.0/libpod/images/{reference}/json", timeout=_PATIENCE)
        digest = answer.json().get("Digest") if answer.ok else None
        # `Digest` is the index's up to Podman 4, and what it lists for this machine from 5 on (4.3, 5.4, 5.8).
        before_5 = int(engine.facts.version.partition(".")[0]) < 5
        found = [choice for choice in choices if digest and choice.endswith(f"@{digest}") == before_5]
        return found[0] if found else None
    return None


@contextmanager
def _briefly(engine: Engine) -> Iterator[None]:
    usual = engine.client.api.timeout
    engine.client.api.timeout = _PATIENCE
    try:
        yield
    finally:
        engine.client.api.timeout = usual
