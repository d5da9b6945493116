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
    """Return where an image comes from, written in full: `ubuntu:22.04` is of `docker.io/library/ubuntu`."""
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
    """Return which image it is, and the digests of which only the registry can tell which one it has; often empty.

    None is among them where it may have none of them.

    `description` is the engine's answer to GET /images/NAME/json. `known` is the identity in evidence, which stays
    where it is the same image. Podman gives a digest to what is built with it, as containerd's store does.
    """
    ours, same, written = _digests(description, reference), content(description), reference.partition("@")[2]
    own = _is_own_digest(description) or podman
    if known and known.digest == description["Id"]:
        return known, ()  # evidence of an earlier version, which took the id of an image that no registry has
    kept = known.digest if known and known.digest in ours else None
    named = next((each for each in ours if written and each.endswith(f"@{written}")), None)
    # An earlier version took any digest of containerd's store for a registry's; there was no `content` then.
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
    """Return a hash of what a container gets of an image; None where the engine has no layers of it for this machine.

    Ids won't do: Docker's classic store and Podman take the hash of the image's configuration, containerd's store that
    of its manifest or index, which depends on who packed it.
    """
    layers = (description.get("RootFS") or {}).get("Layers")
    if not layers:
        return None
    config = description.get("Config") or {}
    # An engine leaves out what is empty, or says null, or [], depending on its version.
    settings = {name: config[name] for name in _SETTINGS if config.get(name) and (name, config[name]) != _NOWHERE}
    whole = {"os": description.get("Os"), "architecture": description.get("Architecture"), "layers": layers}
    text = json.dumps({**whole, **settings}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


_SETTINGS = ("Cmd", "Entrypoint", "Env", "Labels", "User", "Volumes", "WorkingDir")
_NOWHERE = ("WorkingDir", "/")


def _digests(description: Mapping[str, Any], reference: str) -> tuple[str, ...]:
    """Return the digests in the reference's repository. Podman calls `localhost` what it built itself."""
    wanted = repository(reference)
    found = [each for each in description.get("RepoDigests") or () if repository(each) == wanted]
    return () if wanted.startswith("localhost/") else tuple(sorted(found))


def _is_own_digest(description: Mapping[str, Any]) -> bool:
    """Say whether it is in containerd's store, where each image has a digest whether a registry has it or not."""
    return any(each.endswith(f"@{description['Id']}") for each in description.get("RepoDigests") or ())


def _pulled_from(description: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the repositories that the engine got an image from, or brought it to; None: it doesn't say (API 1.53)."""
    identity = description.get("Identity")
    if not identity:
        return None
    return frozenset(repository(each.get("Repository") or "") for each in identity.get("Pull") or ())


def usable(known: ImageIdentity | None, reference: str) -> ImageIdentity | None:
    """Return `known`, an earlier identity, if it can be had as one of this reference; a digest in that decides.

    What no registry has can be had by its name alone.
    """
    if not known or "@" in reference or "@" not in known.digest:
        return None
    return known if repository(known.digest) == repository(reference) else None
