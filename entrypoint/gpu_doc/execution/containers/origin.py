"""Finds out where images come from: which registry has one, and under which digest.

Docker's classic store keeps only a registry's digests. Containerd's store gives every image a digest; only the
registry, or Docker from API 1.53 on, knows whether it is a registry's. And an image may have two digests in one
repository: that of an index, and that of the index's entry for this platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from gpu_doc.execution.containers import image_answers
from gpu_doc.execution.containers.engine import Engine, sentences
from gpu_doc.execution.containers.failures import EngineError, refusal
from gpu_doc.execution.containers.reference import repository
from gpu_doc.model.configuration import ImageIdentity

_PATIENCE = 10.0
"""Seconds to wait for a registry's answer whether it has an image. We can continue without it."""

_INDEX = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def offered(engine: Engine, reference: str) -> str:
    """Return an image's digest in its registry, without pulling. Podman gives none for a tag.

    Raises EngineError.
    """
    with _briefly(engine):
        return _offer(engine, reference)[0]


def _offer(engine: Engine, reference: str) -> tuple[str, str]:
    """Return digest and media type."""
    if engine.facts.podman:
        return _offer_of_podman(engine, reference)
    with sentences(reference):
        return image_answers.distribution(engine.client.api.inspect_distribution(reference))


def _offer_of_podman(engine: Engine, reference: str) -> tuple[str, str]:
    # https://docs.podman.io/en/latest/_static/api.html - GET /libpod/manifests/{name}/json; tried with 4.3, 5.4, 5.8
    api = engine.client.api
    url = f"{api.base_url}/v4.0.0/libpod/manifests/{reference}/json"
    with sentences(reference):
        answer = api.get(url, headers=engine.login(reference), timeout=api.timeout)
        said = image_answers.manifest(answer.json())
    if not answer.ok:
        raise refusal(said.problem or f"status {answer.status_code}", where=reference)
    return reference.partition("@")[2], said.kind or (_INDEX[0] if said.lists else "")


def with_registry_digest(
    engine: Engine, reference: str, identity: ImageIdentity, choices: Sequence[str | None], *, pulled: str | None = None
) -> ImageIdentity:
    """Return the identity with the image's digest in a registry, if one has it.

    `choices` come from `reference.identify`. `pulled` is the digest that a pull reported, empty if it reported none;
    None if nothing was pulled.
    """
    digests, sure = [choice for choice in choices if choice], None not in choices
    if not digests:
        return identity
    for digest in digests:
        if pulled is not None and (digest.endswith(f"@{pulled}") or (not pulled and len(digests) == 1)):
            return replace(identity, digest=digest)
    try:
        with _briefly(engine):
            found = _asked(engine, reference, digests)
    except EngineError:
        # No answer: an image whose name has no registry was more likely built here.
        found = digests[0] if pulled is not None or not repository(reference).startswith("docker.io/") else None
    found = found or (digests[0] if sure else None)
    return replace(identity, digest=found) if found else by_content(identity)


def by_content(identity: ImageIdentity) -> ImageIdentity:
    """Return the identity for an image that no registry has."""
    return ImageIdentity(identity.content or identity.digest.rpartition("@")[2], identity.content)


def may_be_a_registrys(
    reference: str,
    identity: ImageIdentity,
    choices: Sequence[str | None],
    known: ImageIdentity | None,
    error: EngineError,
) -> bool:
    """Return whether a registry may have an image although it refused it with `error`."""
    if None not in choices:
        return bool(choices) or "@" in identity.digest
    was_a_registrys = known is not None and known.content is not None and "@" in known.digest
    if error.cause == "image":
        return False
    if error.cause == "refused":  # Docker Hub says this also for names that do not exist
        return was_a_registrys
    return was_a_registrys or not repository(reference).startswith("docker.io/")


def _asked(engine: Engine, reference: str, digests: Sequence[str]) -> str | None:
    """Return the digest that the registry has; prefer an index. Raises EngineError if it can't be asked."""
    held: list[str] = []
    for name in (reference, *digests):  # the tag may have moved, or may be deleted
        try:
            digest, kind = _offer(engine, name)
        except EngineError as error:
            if error.cause in ("image", "refused"):
                continue
            raise
        found = [each for each in digests if each.endswith(f"@{digest}")]
        if found and (name == reference or kind in _INDEX):
            return found[0]
        held += found
    return held[0] if held else None


@contextmanager
def _briefly(engine: Engine) -> Iterator[None]:
    usual = engine.client.api.timeout
    engine.client.api.timeout = _PATIENCE
    try:
        yield
    finally:
        engine.client.api.timeout = usual
