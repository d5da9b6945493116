"""gpu-doc.yml: where it is, what it says, and how that is documented."""

from gpu_doc.config.load import PLACES, above, at, find, load, load_other, root_of, unbound_limits
from gpu_doc.model.values import Json

__all__ = [
    "PLACES",
    "above",
    "at",
    "find",
    "json_schema",
    "load",
    "load_other",
    "reference_tables",
    "root_of",
    "unbound_limits",
]


def json_schema() -> dict[str, Json]:
    """Return the JSON Schema of the file, for editors."""
    from gpu_doc.config.editors import json_schema  # only the documentation, and `init`, need it

    return json_schema()


def reference_tables() -> str:
    """Return the tables of docs/reference.md."""
    from gpu_doc.config.tables import tables  # only the documentation needs it

    return tables()
