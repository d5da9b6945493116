"""Which kernels are any Python: the one that a run happens to have, and no kernel that is installed under that name.

Runs in the Python of the user's image too: nothing but the standard library of Python 3.8.
"""

from __future__ import annotations

from pathlib import Path

PYTHON = "python3"
"""What such a kernel is called where it needs a name."""

INTERPRETERS = (PYTHON, "python")
"""Python's names as a program; the first of them that is there is taken."""

SHELL = Path(__file__).with_name("ipython_shell.py")
"""What a kernel of IPython reads at its start."""


def is_any_python(kernel: str) -> bool:
    """Whether a run's kernel, by its name, is any Python: the names that Jupyter gives it, or none."""
    return kernel in ("", *INTERPRETERS)
