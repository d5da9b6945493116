"""Refreshes a project, and shows the way of its parameters through the rooms: `python -m tests.integration.walk run`.

Prints as JSON which functions used the parameters of a run, in order, and all functions of ours that were called, in
the order of their first calls. What happens in other processes is not seen.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import gpu_doc
from gpu_doc.cli.main import main
from gpu_doc.model.configuration import Run

OURS = f"{Path(gpu_doc.__file__).parent}/"


class Parameters:
    """Stands for `Run.parameters`, and notes by whom it is asked."""

    def __init__(self) -> None:
        self.users: list[str] = []

    def __get__(self, run: Run | None, _: type[Run]) -> Any:
        if run is None:
            return {}
        self._note()
        return run.__dict__["parameters"]

    def __set__(self, run: Run, value: Mapping[str, Any]) -> None:
        self._note()
        run.__dict__["parameters"] = value

    def _note(self) -> None:
        name = next(name for name in callers(sys._getframe(2)) if not name.startswith("model/"))
        if name not in self.users[-1:]:
            self.users.append(name)


def callers(frame: FrameType | None) -> Iterator[str]:
    """The functions of ours that a call came through, each as `folder/file.py: name`."""
    while frame:
        if frame.f_code.co_filename.startswith(OURS):
            yield named(frame)
        frame = frame.f_back


def named(frame: FrameType) -> str:
    """A function of ours; a method with its class."""
    owner = f"{type(frame.f_locals['self']).__name__}." if "self" in frame.f_locals else ""
    return f"{frame.f_code.co_filename.removeprefix(OURS)}: {owner}{frame.f_code.co_name}"


def walk() -> None:
    """Run the command line, and print what was seen as the last line of standard output."""
    parameters = Run.parameters = Parameters()  # type: ignore[assignment]  # it stands for one
    entered: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            entered.setdefault(named(frame))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        main()
    finally:
        sys.setprofile(None)
        sys.stdout.write(json.dumps({"users": parameters.users, "entered": list(entered)}) + "\n")


if __name__ == "__main__":
    walk()
