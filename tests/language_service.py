"""GitHub's language service, over all that names our action and our workflows: `python -m tests.language_service`.

It knows what actionlint, zizmor and the schemas don't: whether an example's `with:` is what our action.yml files and
reusable workflows take. Examples are also those in Markdown.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.components import NODE_MODULES

TOP = Path(__file__).parents[1]
REPOSITORY = "org/gpu-doc-action"
"""The name that we have in examples."""

_PROGRAM = Path(__file__).parent / "node/language-service.mjs"
_BUNDLE = NODE_MODULES.parent / "language-service.mjs"
_FENCE = re.compile(r"^(?P<indent> *)```ya?ml\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)


def problems(documents: Mapping[str, str]) -> list[str]:
    """What is wrong with workflows, by their names, as `name:line: message`."""
    _bundle()
    asked = json.dumps({"documents": documents, "files": _files(), "repository": REPOSITORY})
    done = subprocess.run(["node", _BUNDLE], input=asked, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def documents() -> dict[str, str]:
    """Workflows, actions, and the examples in Markdown, by file and line."""
    found = _read(".github/workflows/*.yml", "workflows/*.yml")
    found |= _read("action.yml", "*/action.yml")
    for path, text in _read("*.md", "docs/*.md").items():
        found |= examples(path, text)
    return found


def examples(path: str, text: str) -> dict[str, str]:
    """The workflows in a Markdown text that name our action; one that shows a job or steps only is made whole."""
    return {
        f"{path}/{text[: found.start()].count(chr(10)) + 1}.yml": _whole(textwrap.dedent(found["text"]))
        for found in _FENCE.finditer(text)
        if f"uses: {REPOSITORY}" in found["text"]
    }


def _whole(example: str) -> str:
    if re.search(r"^jobs:", example, re.MULTILINE):
        return example if re.search(r"^on:", example, re.MULTILINE) else f"on: push\n{example}"
    job = example
    if not re.search(r"^steps:", example, re.MULTILINE):
        step = example if example.startswith("- ") else f"- {textwrap.indent(example, '  ').lstrip()}"
        job = f"steps:\n{textwrap.indent(step, '  ')}"
    runner = "" if re.search(r"^runs-on:", job, re.MULTILINE) else "    runs-on: ubuntu-latest\n"
    return f"on: push\njobs:\n  job:\n{runner}{textwrap.indent(job, '    ')}"


def _files() -> dict[str, str]:
    return _read("action.yml", "*/action.yml", ".github/workflows/*.yml")


def _read(*patterns: str) -> dict[str, str]:
    return {path: (TOP / path).read_text("utf-8") for pattern in patterns for path in sorted(_matching(pattern))}


def _matching(pattern: str) -> Iterator[str]:
    return (path.relative_to(TOP).as_posix() for path in TOP.glob(pattern))


def _bundle() -> None:
    """Node does not load the package as it is published; in one file it starts faster, too."""
    made_from = max(path.stat().st_mtime for path in (_PROGRAM, NODE_MODULES / ".package-lock.json"))
    if _BUNDLE.exists() and _BUNDLE.stat().st_mtime > made_from:
        return
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=error"]
    # One of its packages is CommonJS, and asks for `require`.
    banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
    made = subprocess.run(
        [NODE_MODULES / ".bin/esbuild", *options, f"--banner:js={banner}"],
        input=_PROGRAM.read_bytes(),
        cwd=NODE_MODULES.parent,
        capture_output=True,
        check=True,
    )
    unfinished = _BUNDLE.with_suffix(".new")
    unfinished.write_bytes(made.stdout)
    unfinished.replace(_BUNDLE)


if __name__ == "__main__":
    found = problems(documents())
    print("\n".join(found))  # noqa: T201 - a program that prints
    sys.exit(bool(found))
