"""gpu-doc.yml: where it is, what it says, and how that is documented."""

from gpu_doc.config.load import PLACES, above, at, find, load, load_other, not_yet, root_of, unbound_limits
from gpu_doc.config.schema import json_schema

__all__ = [
    "PLACES",
    "above",
    "at",
    "find",
    "json_schema",
    "load",
    "load_other",
    "not_yet",
    "reference_tables",
    "root_of",
    "unbound_limits",
]


def reference_tables() -> str:
    """Return the tables of docs/reference.md."""
    from gpu_doc.config.tables import tables  # only the documentation needs it

    return tables()
