"""Reads command-line options that replace keys of the configuration; the action's inputs use the same functions."""

from __future__ import annotations

import argparse
import re

EXECUTORS = ("auto", "local", "docker")
PULLS = ("missing", "always", "never")
PUBLISH_MODES = ("config", "pull-request", "commit", "auto", "check", "none")


def image(text: str) -> str:
    """Read the name of an image. Raises ArgumentTypeError."""
    if not re.fullmatch(r"[^\s\x00-\x1f-][^\s\x00-\x1f]*", text):
        raise argparse.ArgumentTypeError(f"`{text}` is not the name of an image")
    return text


def gpus(text: str) -> str | int | tuple[int | str, ...]:
    """Read GPUs as in the configuration; a list of ids may lack its brackets.

    Raises ArgumentTypeError.
    """
    if text in ("auto", "none", "all"):
        return text
    if text.isdecimal() and int(text) > 0:
        return int(text)
    listed = re.fullmatch(r"\[(.*)\]|(.*(?:,|GPU-).*)", text)
    ids = [word.strip(" \t'\"") for word in (listed[1] or listed[2] or "").split(",")] if listed else []
    if not ids or not all(re.fullmatch(r"[\w.:-]+", word) for word in ids):
        raise argparse.ArgumentTypeError(
            f"`{text}` is none of auto, none, all, a count from 1 on, and ids as in [0, 1]"
        )
    return tuple(int(word) if word.isdecimal() else word for word in ids)


def positive(text: str) -> int:
    """Read a whole number from 1 on. Raises ArgumentTypeError."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from 1 on")
    return number
