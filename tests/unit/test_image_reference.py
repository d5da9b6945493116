from __future__ import annotations

import pytest

from gpu_doc.outside.containers.reference import digest, repository, usable

A, B = (f"sha256:{letter * 64}" for letter in "ab")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("ubuntu", "docker.io/library/ubuntu"),
        ("ubuntu:22.04", "docker.io/library/ubuntu"),
        (f"ubuntu:22.04@{A}", "docker.io/library/ubuntu"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu"),
        ("index.docker.io/team/x", "docker.io/team/x"),
        ("team/x:1", "docker.io/team/x"),
        ("ghcr.io/team/deep/x:1", "ghcr.io/team/deep/x"),
        ("localhost/x", "localhost/x"),
        ("registry:5000/x", "registry:5000/x"),
        ("127.0.0.1:5000/x:1", "127.0.0.1:5000/x"),
    ],
)
def test_repositories_are_written_in_full(reference: str, expected: str) -> None:
    assert repository(reference) == expected


@pytest.mark.parametrize(
    ("digests", "reference", "known", "expected"),
    [
        ([], "x:1", None, "sha256:id"),
        (None, "x:1", None, "sha256:id"),
        ([f"other/x@{A}"], "x:1", None, "sha256:id"),
        ([f"other/x@{A}", f"x@{B}"], "docker.io/library/x:1", None, f"x@{B}"),
        ([f"x@{A}", f"x@{B}"], "x:1", f"x@{B}", f"x@{B}"),
        ([f"x@{A}", f"x@{B}"], f"x@{B}", f"x@{A}", f"x@{A}"),
        ([f"x@{A}", f"x@{B}"], f"x@{B}", None, f"x@{B}"),
    ],
)
def test_a_digest_is_of_the_references_own_repository(
    digests: list[str] | None, reference: str, known: str | None, expected: str
) -> None:
    assert digest({"Id": "sha256:id", "RepoDigests": digests}, reference, known) == expected


@pytest.mark.parametrize(
    ("known", "reference", "still"),
    [
        (None, "x", False),
        (A, "x:1", True),
        (f"x@{A}", "docker.io/library/x:2", True),
        (f"y@{A}", "x", False),
        (f"x@{A}", f"x@{B}", False),
        (A, f"x@{B}", False),
    ],
)
def test_an_earlier_digest_counts_for_the_same_repository_only(known: str | None, reference: str, still: bool) -> None:  # noqa: FBT001 - a case
    assert usable(known, reference) == (known if still else None)
