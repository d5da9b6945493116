"""What the processes of one run looked at, as execution has seen it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Paths that a run's processes used. Under root they are relative to it, with `/`; all others are absolute.

    Paths are those of the host: what lies in a container's view of the checkout is `data.csv` here, too.
    """

    read: frozenset[str] = frozenset()
    """Files opened for reading, other than by Python's importer; programs and shared libraries too."""
    imported: frozenset[str] = frozenset()
    """Sources that Python's importer loaded, or Python ran as a script; `a.py` also for its `.pyc` file."""
    missing: frozenset[str] = frozenset()
    """Looked for in vain: opened, asked about, or a name under which the importer looked for a module."""
    present: frozenset[str] = frozenset()
    """Only asked about, such as by `os.path.exists`: they exist, and their content was not read."""
    listed: frozenset[str] = frozenset()
    """Folders whose names were listed, other than by Python's importer."""
    written: frozenset[str] = frozenset()
    """Files and folders that were created, opened for writing, renamed to, or removed."""
    unobserved: str = ""
    """Why not everything could be watched, in words for a reader; empty if it could."""
