"""Turns the action's inputs, which come as variables, into command lines.

The token is not among them: it stays in the environment.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from gpu_doc.config import options
from gpu_doc.config.kinds import either
from gpu_doc.errors import UsageError

_PLACE = ("config", "state-dir", "executor", "image")
RUN = (
    *("publish", *_PLACE, "gpus", "pull", "jobs", "force", "only-fresh"),
    *("branch", "base", "labels", "allow-forks", "reports"),
)
PLAN = ("publish", *_PLACE, "branch", "base", "reports")

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")

_REPORT = re.compile(r"[^\s,][^\n]*?\.(?:md|markdown)(?=[\s,]|$)|[^\s,]+", re.IGNORECASE)
"""A path ends with a report's suffix, so it may contain blanks; anything else ends at a blank or comma."""


def run(environ: Mapping[str, str]) -> list[str]:
    """The command line for the inputs of action.yml. Raises UsageError, which names all invalid inputs."""
    words = _argv(["run"], RUN, {"INPUT_PUBLISH": "config", **_filled(environ)})
    if {"--force", "--only-fresh"} <= {*takewhile(lambda word: word != "--", words)}:
        raise UsageError("the inputs force and only-fresh exclude each other", remedy="Leave one of them out.")
    return words


def plan(environ: Mapping[str, str]) -> list[str]:
    """The command line for the inputs of plan/action.yml; raises UsageError as `run` does."""
    return _argv(["plan"], PLAN, {"INPUT_PUBLISH": "config", **_filled(environ)})


def given(environ: Mapping[str, str], name: str) -> str:
    """An input's value, without blanks around it; empty if left out."""
    return environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()


def _filled(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}


def _argv(start: Sequence[str], names: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    words, problems = [*start], []
    for name in names:
        if text := given(environ, name):
            try:
                words += _READERS.get(name, _text)(name, text)
            except (ValueError, argparse.ArgumentTypeError) as error:
                problems.append(f"{name}: {error}")
    if problems:
        what = "an input can't be understood" if len(problems) == 1 else "some inputs can't be understood"
        remedy = "They stand below `with:` in the workflow; an input that is left out leaves what gpu-doc.yml says."
        raise UsageError(what, remedy=remedy, details="\n".join(problems))
    return words


# --- how each is read: all return words of a command line, and raise ValueError or ArgumentTypeError with a message --


def _text(name: str, text: str) -> list[str]:
    return [f"--{name}={text}"]  # one word, so that a value that starts with a dash is not taken as an option


def _checked(check: Callable[[str], object]) -> Callable[[str, str], list[str]]:
    def read(name: str, text: str) -> list[str]:
        check(text)
        return _text(name, text)

    return read


def _one_of(*words: str) -> Callable[[str, str], list[str]]:
    def check(text: str) -> None:
        if text not in words:
            raise ValueError(f"`{text}` is not {either(words)}")

    return _checked(check)


def _flag(name: str, text: str) -> list[str]:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(f"`{text}` is neither true nor false")
    return [f"--{name}"] if text.lower() in _TRUE else []


def _labels(name: str, text: str) -> list[str]:
    return _text(name, ",".join(text.splitlines()))


def _reports(_name: str, text: str) -> list[str]:
    return ["--", *_REPORT.findall(text)]


_READERS: Mapping[str, Callable[[str, str], list[str]]] = {
    "publish": _one_of(*options.PUBLISH_MODES),
    "executor": _one_of(*options.EXECUTORS),
    "image": _checked(options.image),
    "gpus": _checked(options.gpus),
    "pull": _one_of(*options.PULLS),
    "jobs": _checked(options.positive),
    "force": _flag,
    "only-fresh": _flag,
    "allow-forks": _flag,
    "labels": _labels,
    "reports": _reports,
}

COMMANDS: Mapping[str, Callable[[Mapping[str, str]], list[str]]] = {"run": run, "plan": plan}
"""The actions' functions, by the word that they pass to scripts/action."""
