"""Imports papermill without its clients of web storage: two fifths of the time that a worker takes to start.

papermill imports those that are installed, PyGithub among them, which is there because of us. We give it notebooks that
we have read, so it needs none of them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import ModuleType

_CLIENTS = ("azure", "boto3", "gcsfs", "github", "pyarrow")
"""What papermill/iorw.py can do without."""


def import_papermill() -> None:
    """Import papermill. Nothing else may be imported meanwhile, in another thread."""
    if "papermill" in sys.modules:
        return
    unset = [name for name in (*_CLIENTS, "requests") if name not in sys.modules]
    for name in unset:
        # None: importing it raises ImportError. But papermill insists on `requests`.
        sys.modules[name] = ModuleType(name) if name == "requests" else None  # type: ignore[assignment]
    try:
        with suppress(Exception):  # a plugin of papermill's that is installed here may need one of them
            import papermill
    finally:
        for name in unset:
            sys.modules.pop(name, None)
    import papermill  # noqa: F401
