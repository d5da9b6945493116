"""What JSON and YAML can hold."""

from __future__ import annotations

from typing import Any

Scalar = str | int | float | bool | None
Json = Any
"""Anything that `json.loads` may return. Notebooks, parameters and answers consist of it."""
