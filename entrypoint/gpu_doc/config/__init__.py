"""gpu-doc.yml: where it is, what it says, and how that is documented."""

from gpu_doc.config.load import find, load
from gpu_doc.config.schema import json_schema

__all__ = ["find", "json_schema", "load"]
