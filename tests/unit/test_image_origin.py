from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound  # type: ignore[import-untyped]  # ships no types

from gpu_doc.execution.containers import origin
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.model.configuration import ImageIdentity

CONTENT, A, B = (f"sha256:{letter * 64}" for letter in "cab")
INDEX, ALONE = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
DEAD = 'Get "https://r.example/v2/": dial tcp: lookup r.example: no such host'
DENIED = "pull access denied for x, repository does not exist or may require 'docker login'"


@dataclass
class Engine:
    """What registries say, by reference: a digest with its kind, or the engine's words for why there is none."""

    offers: dict[str, tuple[str, str] | str] = field(default_factory=dict)
    podman: bool = False
    timeout: float = 600
    base_url: str = "http+docker://localhost"
    asked: list[str] = field(default_factory=list)

    @property
    def client(self) -> Any:
        return SimpleNamespace(api=self)

    @property
    def facts(self) -> Any:
        return SimpleNamespace(podman=self.podman)

    def login(self, reference: str) -> dict[str, str]:
        return {"X-Registry-Auth": reference}

    def inspect_distribution(self, reference: str) -> dict[str, Any]:
        assert not self.podman
        said = self._said(reference)
        if isinstance(said, str):
            raise (NotFound if "unknown" in said else APIError)("", explanation=said)
        return {"Descriptor": {"digest": said[0], "mediaType": said[1]}}

    def get(self, url: str, headers: dict[str, str], timeout: float) -> Any:
        assert timeout == self.timeout
        reference = url.removeprefix(f"{self.base_url}/v4.0.0/libpod/manifests/").removesuffix("/json")
        assert headers == self.login(reference)
        said = self._said(reference)
        body = {"message": said} if isinstance(said, str) else {"mediaType": said[1]}
        return SimpleNamespace(ok=not isinstance(said, str), json=lambda: body)

    def _said(self, reference: str) -> tuple[str, str] | str:
        assert self.timeout < 30, "a registry that does not answer must not hold us up"
        self.asked.append(reference)
        return self.offers.get(reference, "manifest unknown")


def with_registry_digest(engine: Engine, reference: str, *choices: str | None, pulled: str | None = None) -> str:
    identity = ImageIdentity(CONTENT if None in choices else str(choices[0]), CONTENT)
    found = origin.with_registry_digest(engine, reference, identity, choices, pulled=pulled)  # type: ignore[arg-type]  # a stand-in
    assert engine.timeout == 600
    assert found.content == CONTENT
    return found.digest


def test_what_a_pull_told_is_not_asked_for() -> None:
    engine = Engine()
    assert with_registry_digest(engine, "x:1", f"x@{A}", None, pulled=A) == f"x@{A}"
    assert engine.asked == []


@pytest.mark.parametrize(
    ("reference", "offers", "expected"),
    [
        ("x:1", {"x:1": (A, ALONE)}, f"x@{A}"),
        ("x:1", {"x:1": (B, ALONE), f"x@{A}": (A, ALONE)}, f"x@{A}"),  # the tag has moved on
        ("x:1", {"x:1": (B, ALONE)}, CONTENT),
        ("x:1", {}, CONTENT),
        ("x:1", {"x:1": DENIED, f"x@{A}": DENIED}, CONTENT),
        # Nobody answers: a name without a registry was rather built here.
        ("x:1", {"x:1": DEAD}, CONTENT),
        ("team/x:1", {"team/x:1": DEAD}, CONTENT),
        ("r.example/x:1", {"r.example/x:1": DEAD}, f"x@{A}"),
    ],
)
def test_a_digest_of_containerds_store_is_a_registrys_if_a_registry_has_it(
    reference: str, offers: dict[str, Any], expected: str
) -> None:
    assert with_registry_digest(Engine(offers), reference, f"x@{A}", None) == expected


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ({"x:1": (B, INDEX)}, B),
        ({"x:1": (A, ALONE)}, A),
        ({f"x@{A}": (A, ALONE), f"x@{B}": (B, INDEX)}, B),
        ({f"x@{B}": (B, ALONE)}, B),
        ({}, A),
        ({"x:1": DEAD}, A),
    ],
)
def test_of_two_digests_the_index_counts(offers: dict[str, Any], expected: str) -> None:
    assert with_registry_digest(Engine(offers), "x:1", f"x@{A}", f"x@{B}") == f"x@{expected}"


@pytest.mark.parametrize(
    ("offers", "choices", "expected"),
    [
        ({f"x@{A}": (A, ALONE), f"x@{B}": (B, INDEX)}, [A, B], f"x@{B}"),
        ({"x:1": ("", ALONE), f"x@{A}": (A, ALONE)}, [A], f"x@{A}"),
        ({"x:1": ("", ALONE)}, [A], CONTENT),  # of this name there is another
        ({"x:1": DEAD}, [A], CONTENT),
    ],
)
def test_podman_has_an_api_of_its_own_for_it(offers: dict[str, Any], choices: list[str], expected: str) -> None:
    assert (
        with_registry_digest(Engine(offers, podman=True), "x:1", *(f"x@{choice}" for choice in choices), None)
        == expected
    )


def test_of_what_podman_pulled_it_tells_no_digest() -> None:
    assert with_registry_digest(Engine(podman=True), "x:1", f"x@{A}", None, pulled="") == f"x@{A}"


KNOWN = ImageIdentity(f"x@{A}", CONTENT)
LOCAL = ImageIdentity(CONTENT, CONTENT)


@pytest.mark.parametrize(
    ("reference", "identity", "choices", "known", "cause", "expected"),
    [
        ("x:1", KNOWN, (), None, "network", True),
        ("x:1", LOCAL, (), None, "network", False),
        ("x:1", KNOWN, (f"x@{A}", f"x@{B}"), None, "image", True),
        # Containerd's store: evidence tells, else the registry's answer, else the name.
        ("x:1", LOCAL, (f"x@{B}", None), KNOWN, "network", True),
        ("x:1", LOCAL, (f"x@{B}", None), KNOWN, "refused", True),
        ("x:1", LOCAL, (f"x@{B}", None), KNOWN, "image", False),
        ("x:1", LOCAL, (f"x@{B}", None), LOCAL, "network", False),
        ("x:1", LOCAL, (f"x@{B}", None), ImageIdentity(f"x@{B}"), "refused", False),
        ("r.example/x:1", LOCAL, (f"r.example/x@{B}", None), None, "network", True),
        ("r.example/x:1", LOCAL, (f"r.example/x@{B}", None), None, "refused", False),
    ],
)
def test_an_image_that_can_not_be_pulled_just_now_may_be_a_registrys(
    reference: str,
    identity: ImageIdentity,
    choices: tuple[str | None, ...],
    known: ImageIdentity | None,
    cause: Any,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    error = EngineError("no", cause=cause)
    assert origin.may_be_a_registrys(reference, identity, choices, known, error) == expected
