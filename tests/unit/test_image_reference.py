from __future__ import annotations

import pytest

from gpu_doc.execution.containers.reference import content, identify, repository, usable
from gpu_doc.model.configuration import ImageIdentity

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


C = f"sha256:{'c' * 64}"


def description(digests: list[str] | None, **more: object) -> dict[str, object]:
    return {"Id": A, "RepoDigests": digests, "RootFS": {"Layers": ["sha256:1"]}, "Config": {}, **more}


SAME = content(description(None))


@pytest.mark.parametrize(
    ("digests", "reference", "known", "expected"),
    [
        ([], "x:1", None, (SAME, ())),
        (None, "x:1", None, (SAME, ())),
        ([f"other/x@{B}"], "x:1", None, (SAME, ())),
        # As Podman calls what it built itself.
        ([f"localhost/x@{B}"], "x:1", None, (SAME, ())),
        ([f"localhost/x@{B}"], "localhost/x:1", None, (SAME, ())),
        ([f"other/x@{C}", f"x@{B}"], "docker.io/library/x:1", None, (f"x@{B}", ())),
        # An index, and what it lists for this machine: only the registry knows which is which.
        ([f"x@{C}", f"x@{B}"], "x:1", None, (f"x@{B}", (f"x@{B}", f"x@{C}"))),
        ([f"x@{B}", f"x@{C}"], "x:1", f"x@{C}", (f"x@{C}", ())),
        ([f"x@{B}", f"x@{C}"], f"x@{C}", None, (f"x@{C}", ())),
        # Evidence of an earlier version, with the id of an image that no registry has.
        ([], "x:1", A, (A, ())),
        # Containerd's store: this may be a registry's digest or not.
        ([f"x@{A}"], "x:1", None, (SAME, (f"x@{A}", None))),
        ([f"x@{A}"], "x:1", f"x@{A}", (f"x@{A}", (f"x@{A}", None))),
    ],
)
def test_an_image_has_the_digest_of_a_registry_else_a_hash_of_what_is_in_it(
    digests: list[str] | None, reference: str, known: str | None, expected: tuple[str, tuple[str | None, ...]]
) -> None:
    image, choices = identify(description(digests), reference, ImageIdentity(known) if known else None)
    assert (image.digest, choices) == expected
    assert known == A or image.content == SAME


def test_a_digest_of_containerds_store_that_was_asked_for_before_is_a_registrys() -> None:
    known = ImageIdentity(f"x@{A}", SAME)
    assert identify(description([f"x@{A}"]), "x:1", known) == (known, ())


def test_podman_gives_digests_of_its_own_too() -> None:
    image, choices = identify(description([f"x@{B}", f"x@{C}"]), "x:1", podman=True)
    assert (image.digest, choices) == (SAME, (f"x@{B}", f"x@{C}", None))
    known = ImageIdentity(f"x@{C}", SAME)
    assert identify(description([f"x@{B}", f"x@{C}"]), "x:1", known, podman=True) == (known, ())
    assert identify(description([]), "x:1", podman=True)[1] == ()


def test_an_engine_that_says_where_an_image_came_from_need_not_ask() -> None:
    pulled = description([f"x@{A}"], Identity={"Pull": [{"Repository": "docker.io/library/x"}]})
    assert identify(pulled, "x:1") == (ImageIdentity(f"x@{A}", SAME), ())
    built = description([f"x@{A}"], Identity={"Build": [{"Ref": "y"}]})
    assert identify(built, "x:1") == (ImageIdentity(str(SAME), SAME), ())


def test_the_same_image_keeps_the_digest_in_evidence_where_its_store_has_another() -> None:
    known = ImageIdentity(f"x@{B}", SAME)
    assert identify(description([f"x@{C}"]), "x:1", known) == (known, ())
    assert identify(description([]), "x:1", known) == (known, ())
    rebuilt = description([], RootFS={"Layers": ["sha256:2"]})
    assert identify(rebuilt, "x:1", known)[0].digest.startswith("sha256:")


def test_what_is_empty_is_said_in_many_ways() -> None:
    full: dict[str, object] = {
        "Cmd": None,
        "Entrypoint": [],
        "Env": None,
        "Labels": {},
        "User": "",
        "Volumes": None,
        "WorkingDir": "",
    }
    assert content(description(None, Config=full)) == SAME
    assert content(description(None, Config={"WorkingDir": "/", "Hostname": "h", "Image": B})) == SAME
    assert content(description(None, Config=None, Created="today", Size=1, DockerVersion="20.10")) == SAME


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("RootFS", {"Layers": ["sha256:2"]}),
        ("Os", "windows"),
        ("Architecture", "arm64"),
        ("Config", {"Env": ["A=1"]}),
        ("Config", {"User": "1"}),
        ("Config", {"WorkingDir": "/x"}),
        ("Config", {"Labels": {"a": "b"}}),
        ("Config", {"Entrypoint": ["x"]}),
        ("Config", {"Cmd": ["x"]}),
        ("Config", {"Volumes": {"/x": {}}}),
    ],
)
def test_what_a_container_gets_makes_another_image(part: str, value: object) -> None:
    assert content({**description(None), part: value}) != SAME


def test_what_the_engine_has_no_layers_of_goes_by_its_id() -> None:
    nothing = description([], RootFS={"Type": ""})
    assert content(nothing) is None
    assert identify(nothing, "x:1") == (ImageIdentity(A), ())


@pytest.mark.parametrize(
    ("known", "reference", "still"),
    [
        (None, "x", False),
        (A, "x:1", False),  # what no registry has is had by its name alone
        (f"x@{A}", "docker.io/library/x:2", True),
        (f"y@{A}", "x", False),
        (f"x@{A}", f"x@{B}", False),
        (A, f"x@{B}", False),
    ],
)
def test_an_earlier_digest_counts_for_the_same_repository_only(known: str | None, reference: str, still: bool) -> None:  # noqa: FBT001 - a case
    image = ImageIdentity(known) if known else None
    assert usable(image, reference) == (image if still else None)
