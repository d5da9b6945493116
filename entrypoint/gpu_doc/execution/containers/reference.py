"""Image references and digests, by Docker's rules; no SDK.

https://pkg.go.dev/github.com/distribution/reference: `[REGISTRY/]PATH[:TAG][@DIGEST]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from gpu_doc.model.configuration import ImageIdentity


def repository(reference: str) -> str:
    """Return an image's full repository: for `ubuntu:22.04`, `docker.io/library/ubuntu`."""
    name = reference.partition("@")[0]
    last = name.rpartition("/")[2]
    if ":" in last:
        name = name.rpartition(":")[0]
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name
    if first == "index.docker.io":
        first = "docker.io"
    return f"{first}/library/{rest}" if first == "docker.io" and "/" not in rest else f"{first}/{rest}"


def identify(
    description: Mapping[str, Any], reference: str, known: ImageIdentity | None = None, *, podman: bool = False
) -> tuple[ImageIdentity, tuple[str | None, ...]]:
    """Return the image's identity, and digests from which only the registry can choose; often none.

    None is among them if the registry may have no such image.

    `description` is the engine's answer to GET /images/NAME/json. `known` is the identity in evidence; it is kept if it
    is the same image. Podman, like containerd's store, also gives a digest to images that it built.
    """
    ours, same, written = _digests(description, reference), content(description), reference.partition("@")[2]
    own = _is_own_digest(description) or podman
    if known and known.digest == description["Id"]:
        return known, ()  # evidence of an earlier version, which used the id for an image that no registry has
    kept = known.digest if known and known.digest in ours else None
    named = next((each for each in ours if written and each.endswith(f"@{written}")), None)
    # An earlier version, without `content`, mistook every digest of containerd's store for a registry's.
    if named or (kept and known and (known.content or not own)):
        return ImageIdentity(str(named or kept), same), ()
    if known and "@" in known.digest and same and known.content == same:
        return ImageIdentity(known.digest, same), ()
    if own and ours:
        told = _pulled_from(description)
        if told is None:
            return ImageIdentity(kept or same or description["Id"], same), (*ours, None)
        ours = ours if repository(reference) in told else ()
    if not ours:
        return ImageIdentity(same or description["Id"], same), ()
    return ImageIdentity(ours[0], same), ours if len(ours) > 1 else ()


def content(description: Mapping[str, Any]) -> str | None:
    """Return a hash of what a container gets from an image; None if the engine has no layers for this machine.

    The id is not enough: Docker's classic store and Podman use the hash of the image's configuration; containerd's
    store uses that of its manifest or index, which depends on who packed it.
    """
    layers = (description.get("RootFS") or {}).get("Layers")
    if not layers:
        return None
    config = description.get("Config") or {}
    # Depending on its version, an engine leaves out an empty field, or says null or [].
    settings = {name: config[name] for name in _SETTINGS if config.get(name) and (name, config[name]) != _NOWHERE}
    whole = {"os": description.get("Os"), "architecture": description.get("Architecture"), "layers": layers}
    text = json.dumps({**whole, **settings}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


_SETTINGS = ("Cmd", "Entrypoint", "Env", "Labels", "User", "Volumes", "WorkingDir")
_NOWHERE = ("WorkingDir", "/")


def _digests(description: Mapping[str, Any], reference: str) -> tuple[str, ...]:
    """Return the digests in the reference's repository. Podman puts its own images under `localhost`."""
    wanted = repository(reference)
    found = [each for each in description.get("RepoDigests") or () if repository(each) == wanted]
    return () if wanted.startswith("localhost/") else tuple(sorted(found))


def _is_own_digest(description: Mapping[str, Any]) -> bool:
    """Return whether it is in containerd's store, where each image has a digest, even if no registry has it."""
    return any(each.endswith(f"@{description['Id']}") for each in description.get("RepoDigests") or ())


def _pulled_from(description: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the repositories that it was pulled from or pushed to; None if the engine doesn't say (API 1.53)."""
    identity = description.get("Identity")
    if not identity:
        return None
    return frozenset(repository(each.get("Repository") or "") for each in identity.get("Pull") or ())


def usable(known: ImageIdentity | None, reference: str) -> ImageIdentity | None:
    """Return `known`, an earlier identity, if it still fits this reference; a digest in the reference decides.

    An image that no registry has fits by its name alone.
    """
    if not known or "@" in reference or "@" not in known.digest:
        return None
    return known if repository(known.digest) == repository(reference) else None
