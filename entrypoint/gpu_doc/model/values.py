"""What JSON and YAML can hold."""

from __future__ import annotations

from typing import Any

Scalar = str | int | float | bool | None
Json = Any
"""Whatever `json.loads` may give. Notebooks, parameters and answers are made of it."""
