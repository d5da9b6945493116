"""Compares a run's code by what it does, where its bytes differ: `gpu_doc.python_form` says what is the same.

Evidence and state keep the forms beside the fingerprint, which has the bytes. So where all is fresh nothing is parsed,
and the key of a result does not depend on how forms are made.

Where a run shows its own text, as in a traceback, or reads it, as by `inspect.getsource`, there are no forms: its code
counts by bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpu_doc.errors import NotebookFileError
from gpu_doc.model.configuration import Run
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import SourceCell, does_nothing, is_python, kernel_name, source_cells
from gpu_doc.notebooks.names import is_option
from gpu_doc.record import fingerprint
from gpu_doc.record.fingerprint import Fingerprint, cell_hash, short_hash

UNCHECKED = "code that is written otherwise than before (evidence of another version of gpu-doc)"

_PYTHON_BODY = frozenset({"capture", "time", "timeit", "prun", "memit", "mprun"})
"""Cell magics whose body is Python in the notebook's own kernel."""
_HASH_COMMENTS = frozenset({"bash", "sh", "script", "perl", "ruby", "python", "python3", "R", "julia"})
_READS_ITSELF = re.compile(
    r"""\b(?:getsource\w*|findsource|getcomments|linecache|\w*lineno|_getframe|currentframe|co_\w+|tracebacks?|settrace
    | setprofile|tracemalloc|faulthandler|icecream|varname|executing|pysnooper|snoop|line_profiler|inspect\s*\.\s*stack
    | inspect\s*\.\s*trace|jit\s*\.\s*script\w*|script_method|execution_count|_i\d*|_ii+|_ih|_oh|_\d+|Out|In\s*\[)\b
    | \bIn\s*\[ | ^\s*%(?:hist|recall|rerun|save|macro|edit|notebook|pastebin|p(?:source|info|file|rint)|[lm]?prun|tb
    | xmode) | \?\?\s*$""",
    re.VERBOSE | re.MULTILINE,
)
"""What reads the text of code, the numbers of its lines, or those of IPython's prompts."""
_SHOWS_LINES = re.compile(
    r"\bline \d|\.(?:py|ipynb)\W{1,9}\d|\b(?:In|Input In|Cell In) ?\[|<ipython-input|ipykernel_\d+|Traceback"
)
"""What a text contains that names a line of code, or shows it."""
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Digests(NamedTuple):
    """What tells a source: the SHA-256 of its bytes, and its form; empty where it counts by bytes."""

    content: str
    form: str


def of_source(name: str, content: bytes) -> str:
    """Return the form of an imported module (`name` ends in .py), with its version; empty where it counts by bytes.

    Two contents with the same form that is not empty do the same. Forms of different versions say nothing of each
    other: `is_comparable`.
    """
    if PurePosixPath(name).suffix != ".py":
        return ""
    from gpu_doc.python_form import form

    text = form.decoded(content)
    found = None if text is None else form.digest(text)
    return "" if found is None else f"{form.VERSION}:{found}"


def is_comparable(kept: str) -> bool:
    """Return whether a kept form is of our version."""
    from gpu_doc.python_form import form

    return kept.startswith(f"{form.VERSION}:")


def judged(full: str, kept: str, *, same: str, other: str, unknown: str) -> str:
    """Return what a source is, compared with a kept form: `unknown` if that is of another version."""
    if not is_comparable(kept):
        return unknown
    content = _content(Path(full))
    return same if content is not None and of_source(full, content) == kept else other


def of_cell(cell: SourceCell, *, python: bool) -> str:
    """Return the form of a code cell; empty for a cell that does nothing."""
    if python and does_nothing(cell):
        return ""
    tags = fingerprint.tags_that_matter(cell)
    text = _of_python_cell(cell.source) if python else _of_text("", cell.source)
    return short_hash([text, tags])[:12] if text or tags else ""


def _of_python_cell(source: str) -> str:
    from gpu_doc.python_form import form

    if not source.lstrip().startswith("%%"):
        found = form.digest(source, cell=True)
        return f"bytes {short_hash(source)}" if found is None else found
    magic, _, body = source.lstrip().partition("\n")
    name = re.split(r"\W", magic[2:], maxsplit=1)[0]
    if name in _PYTHON_BODY and (found := form.digest(body, cell=True)) is not None:
        return f"{magic.rstrip()}\n{found}"
    return _of_text(name, source.lstrip())


def _of_text(magic: str, source: str) -> str:
    """Return the text of a cell that is no Python, less trailing blanks, and options that are comments."""
    if magic in ("writefile", "file"):
        return source
    lines = source.split("\n")
    if not magic or magic in _HASH_COMMENTS:
        while len(lines) > bool(magic) and is_option(lines[bool(magic)]):
            lines.pop(bool(magic))
    return "\n".join(lines).rstrip()


# --- of a run --------------------------------------------------------------------------------------------------------


def of_run(
    run: Run, root: Path, source: Mapping[str, Json], redact: Callable[[Json], Json], shown: Iterable[str]
) -> dict[str, Json]:
    """Return the forms of code that was executed, whose bytes the source part of a fingerprint has.

    Empty if the code counts by bytes: it may depend on its own text, or `shown`, what it wrote, contains lines of it.
    """
    if any(_SHOWS_LINES.search(_ANSI.sub("", text)) for text in shown):
        return {}
    cells, python = _cells(run, root, redact)
    modules = {name: content for name in source.get("modules") or {} if (content := _content(root / name)) is not None}
    texts = [cell.source for cell in cells]
    texts += [text for name, content in modules.items() for text in _texts(root / name, content)]
    if [cell_hash(cell) for cell in cells] != list(source.get("code") or []) or any(map(_READS_ITSELF.search, texts)):
        return {}
    from gpu_doc.python_form import form

    found: dict[str, Json] = {"version": form.VERSION}
    if cells:
        found["code"] = [of_cell(cell, python=python) for cell in cells]
    told = _read_as_data(run, root)
    of_modules = {name: _of_file(root / name, name, content) for name, content in modules.items() if name not in told}
    same = {name: each for name, each in of_modules.items() if each and _is_as(modules[name], source["modules"][name])}
    return found | ({"modules": same} if same else {})


def as_before(
    run: Run,
    root: Path,
    before: tuple[Fingerprint, Mapping[str, Json]],
    here: Fingerprint,
    redact: Callable[[Json], Json],
) -> tuple[Fingerprint, Fingerprint, tuple[str, ...]]:
    """Return two fingerprints to compare: what code does the same has the same bytes. Also what can't be checked.

    `before` is the earlier fingerprint, with the forms of its code.
    """
    known, forms = before
    parts = [part for part in ("code", "modules") if known.source.get(part) != here.source.get(part)]
    if not parts or not forms:
        return known, here, ()
    from gpu_doc.python_form import form

    if forms.get("version") != form.VERSION:
        kept = {part: known.source[part] for part in parts if part in known.source and part in forms}
        return known, replace(here, source={**here.source, **kept}), (UNCHECKED,) if kept else ()
    source, earlier = dict(here.source), dict(known.source)
    if "modules" in parts:
        digests, of_modules = earlier.get("modules") or {}, forms.get("modules") or {}
        source["modules"] = {
            name: digests[name] if name in digests and _is_same(root / name, name, of_modules) else digest
            for name, digest in (here.source.get("modules") or {}).items()
        }
    if "code" in parts and len(forms.get("code") or []) == len(earlier.get("code") or []):
        was = dict(zip(earlier.get("code") or [], forms.get("code") or [], strict=True))
        earlier["code"], source["code"] = _aligned(earlier.get("code") or [], was, _hashed(run, root, was, redact))
    without = [{name: value for name, value in each.items() if value} for each in (earlier, source)]
    return replace(known, source=without[0]), replace(here, source=without[1]), ()


def _hashed(run: Run, root: Path, known: Mapping[str, str], redact: Callable[[Json], Json]) -> list[tuple[str, str]]:
    """Return hash and form of each code cell; a form that is known is not made."""
    cells, python = _cells(run, root, redact)
    hashed = [(cell_hash(cell), cell) for cell in cells]
    return [(key, known[key] if key in known else of_cell(cell, python=python)) for key, cell in hashed]


def _aligned(
    earlier: Sequence[str], was: Mapping[str, str], now: Sequence[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    """Return the hashes of code cells, before and now, with those cells that do nothing where they are now."""
    full = [key for key in earlier if was[key]]
    if [was[key] for key in full] == [form for _, form in now if form]:
        return [*earlier], [*earlier]
    before, after = [], []
    for key, form in now:
        same = full.pop(0) if form and full else "" if form else key
        before += [same] if same else []
        after.append(same if same and was.get(same, form) == form else key)
    return before + full, after


def _cells(run: Run, root: Path, redact: Callable[[Json], Json]) -> tuple[list[SourceCell], bool]:
    if not run.notebook:
        return [], False
    path = root / run.notebook
    cells = [replace(cell, source=redact(cell.source)) for cell in source_cells(path)]
    return cells, is_python(path, run.kernel or kernel_name(path))


def _texts(path: Path, content: bytes) -> list[str]:
    """Return the code of a module, or of a notebook that `%run` runs."""
    if path.suffix == ".ipynb":
        with suppress(NotebookFileError):
            return [cell.source for cell in source_cells(path)]
    return [content.decode("utf-8", "replace")]


def _is_same(path: Path, name: str, forms: Mapping[str, Json]) -> bool:
    content = _content(path) if name in forms else None
    return content is not None and _of_file(path, name, content) == forms[name]


def _of_file(path: Path, name: str, content: bytes) -> str:
    """Return the form of a module, or of a notebook that `%run` runs: of such a notebook only the code counts."""
    if path.suffix != ".ipynb":
        return of_source(name, content).partition(":")[2] or ""
    try:
        cells, python = source_cells(path), is_python(path, kernel_name(path))
    except NotebookFileError:
        return ""
    return short_hash([each for cell in cells if (each := of_cell(cell, python=python))])


def _is_as(content: bytes, digest: str) -> bool:
    from gpu_doc.record.contents import sha256_of as digest_of

    return digest_of(content) == digest or digest_of(content.replace(b"\r\n", b"\n")) == digest


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _read_as_data(run: Run, root: Path) -> set[str]:
    """Return the files that a command's words name, but for the script that Python runs: they may be read as data."""
    words = run.command or ()
    named = {value for word in words for value in (word, word.partition("=")[2]) if value}
    script = _script(words)
    return {_relative(root / name, root) for name in named} - ({_relative(root / script, root)} if script else set())


def _script(words: Sequence[str]) -> str:
    """Return the script of `python -u train.py --lr 1`, or of `./train.py`; empty if there is none."""
    if not words or not re.fullmatch(r"python[\d.]*|pypy[\d.]*", PurePosixPath(words[0]).name):
        return words[0] if words else ""
    rest: Iterator[str] = iter(words[1:])
    for word in rest:
        if word in ("-W", "-X"):
            next(rest, "")
        elif not word.startswith("-"):
            return word
        elif word in ("-", "-c", "-m"):
            return ""
    return ""


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except (OSError, ValueError, RuntimeError):
        return ""
