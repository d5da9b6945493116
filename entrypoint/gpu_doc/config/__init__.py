"""gpu-doc.yml: where it is, what it says, and how that is documented."""

from gpu_doc.config.load import above, at, find, load, root_of
from gpu_doc.config.schema import json_schema
from gpu_doc.config.support import not_yet, unbound_limits

__all__ = ["above", "at", "find", "json_schema", "load", "not_yet", "reference_tables", "root_of", "unbound_limits"]


def reference_tables() -> str:
    """Give the tables of docs/reference.md."""
    from gpu_doc.config.tables import tables  # only the documentation needs it

    return tables()
