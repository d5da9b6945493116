"""The kernel names that mean any Python: the run's own Python, not a kernel that is installed under that name.

Runs in the Python of the user's image too: only the standard library of Python 3.8.
"""

from __future__ import annotations

from pathlib import Path

PYTHON = "python3"
"""The name of such a kernel where it needs one."""

INTERPRETERS = (PYTHON, "python")
"""Python's names as a program; the first that is found is used."""

SHELL = Path(__file__).with_name("ipython_shell.py")
"""A configuration file that IPython's kernel reads when it starts."""


def is_any_python(kernel: str) -> bool:
    """Return whether a run's kernel may be any Python: it has one of Jupyter's names for Python, or no name."""
    return kernel in ("", *INTERPRETERS)
