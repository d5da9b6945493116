"""Image references and digests, by Docker's rules; no SDK.

https://pkg.go.dev/github.com/distribution/reference: `[REGISTRY/]PATH[:TAG][@DIGEST]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def digest(description: Mapping[str, Any], reference: str, known: str | None = None) -> str:
    """Return what stands for an image in fingerprints: its digest in the reference's repository, else its id.

    `description` is the engine's answer to GET /images/NAME/json. An image may have several digests in one repository,
    then `known` is kept where it is one of them.
    """
    ours = [each for each in description.get("RepoDigests") or () if repository(each) == repository(reference)]
    written = reference.partition("@")[2]
    for each in ours:
        if each == known or (written and each.endswith(f"@{written}")):
            return str(each)
    return str(ours[0] if ours else description["Id"])


def usable(known: str | None, reference: str) -> str | None:
    """Return `known`, an earlier digest, if it can be one of this reference; a digest in the reference decides."""
    if not known or "@" in reference:
        return None
    return known if known.startswith("sha256:") or repository(known) == repository(reference) else None
