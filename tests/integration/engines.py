"""Engines, registries and images for tests with real containers."""

from __future__ import annotations

import os

import pytest
from tests.images import build


def image(name: str) -> str:
    """The reference of a test image (a folder of tests/images), built where it is missing.

    Where what it is made from is not to be had, the test is skipped; with CI=true it fails.
    """
    try:
        return build.image(name)
    except build.CannotBuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no image {name}: {error}")
