"""`python -m gpu_doc.functions`, in a checkout, writes README's table of functions; a test compares them."""

from __future__ import annotations

from pathlib import Path

from gpu_doc.functions import in_order
from gpu_doc.functions.shared.function import Function

START = "<!-- written by `python -m gpu_doc.functions`; edit entrypoint/gpu_doc/functions/ -->\n"
END = "<!-- end of what is written -->\n"


def table() -> str:
    """Return the table as Markdown, a line for each function."""
    return "\n".join(["| function | gives |", "|---|---|", *map(_line, in_order()), ""])


def _line(function: Function) -> str:
    return f"| `{function.name}({', '.join([function.first.word, *function.options])})` | {function.text} |"


def readme(text: str) -> str:
    """Return README.md with a new table."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    path = Path(__file__).resolve().parents[3] / "README.md"
    path.write_text(readme(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
