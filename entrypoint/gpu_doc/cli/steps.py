"""Runs a step of an action for scripts/action; its inputs are in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gpu_doc.action import inputs, messages
from gpu_doc.console.console import Console
from gpu_doc.errors import UsageError


def take(names: Sequence[str], environ: Mapping[str, str], console: Console) -> list[str]:
    """Change to the step's working directory, and return its command line.

    A step without a command line is done at once; then the result is empty. Raises UsageError.
    """
    if len(names) != 1 or names[0] not in (*inputs.COMMANDS, *messages.COMMANDS):
        known = ", ".join([*inputs.COMMANDS, *messages.COMMANDS])
        raise UsageError(f"`action` is what the actions call, with one of {known}")
    if token := inputs.given(environ, "token"):
        console.mask(token)
    if names[0] in messages.COMMANDS:
        messages.COMMANDS[names[0]](environ, console)
        return []
    words = inputs.COMMANDS[names[0]](environ)
    _enter(inputs.given(environ, "working-directory"))
    return words


def _enter(folder: str) -> None:
    try:
        os.chdir(folder or ".")
    except OSError as error:
        remedy = "The input is a folder of the checkout, from its top: is there a step with actions/checkout before?"
        raise UsageError(f"working-directory `{folder}`: {error.strerror}", remedy=remedy) from error
