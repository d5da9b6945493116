"""Values under a name: outputs as scrapbook and MyST-NB write them, for images that have neither."""

from __future__ import annotations

from IPython.display import display


def glue(name: str, value: float | str) -> None:
    """Keep a number, string or truth value; a report's value("RUN/name") finds it."""
    kept = {"application/json": value, "text/plain": f"{name} = {value!r}"}
    display(kept, raw=True, metadata={"scrapbook": {"name": name}})
