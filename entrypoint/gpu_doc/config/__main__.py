"""`python -m gpu_doc.config` writes the generated parts of docs/ in a checkout; tests check that they are current."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.config.editors import schema_text
from gpu_doc.config.tables import tables

START = "<!-- written by `python -m gpu_doc.config`; edit entrypoint/gpu_doc/config/schema.py -->\n"
END = "<!-- end of what is written -->\n"


def reference(text: str) -> str:
    """Return docs/reference.md with its tables renewed."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{tables()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    docs = Path(__file__).resolve().parents[3] / "docs"
    (docs / "gpu-doc.schema.json").write_text(schema_text(), encoding="utf-8", newline="\n")
    path = docs / "reference.md"
    path.write_text(reference(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
