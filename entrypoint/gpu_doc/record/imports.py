"""Finds the modules and packages that Python code uses, without running it.

Local modules are part of a run's fingerprint, so that editing a helper makes its notebooks stale. Found are: `import`
and `from … import` anywhere in the code, `importlib.import_module("…")`, `%run file.py`, and folders that the code puts
on `sys.path` as literal text. What a program computes at run time is not found: `depends-on` names that.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from gpu_doc.record.contents import Contents, unreadable

_MAGIC = re.compile(r"^(?P<indent>\s*)(?P<target>[\w, ]+=\s*)?(?P<magic>[%!?].*|[\w.]+\?{1,2}\s*)$")
_RUN = re.compile(r"^\s*%run\s+(?:-\w+\s+)*(?P<file>[^\s]+)", re.MULTILINE)
_IMPORT = re.compile(r"^\s*(?:from\s+(?P<module>[.\w]+)\s+import|import\s+(?P<modules>[\w., ]+))", re.MULTILINE)
_BUILT_IN = sys.stdlib_module_names | {"__main__"}
# Cell magics whose body is still Python.
_PYTHON_CELLS = ("capture", "time", "timeit", "prun", "memit", "mprun")


@dataclass(frozen=True)
class Names:
    """The imports of one piece of code: dotted names with their relative level, files, additions to sys.path."""

    imports: tuple[tuple[int, str], ...] = ()
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclass
class Found:
    """Local files with their SHA-256, and the top-level names of other packages."""

    modules: dict[str, str] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    contents: Contents = field(default_factory=Contents)
    """Hashes the files."""


def follow(cells: Iterable[str], *, folder: Path, root: Path, contents: Contents | None = None) -> Found:
    """Return what code that runs in `folder` uses, directly and through local modules.

    Searches as Python would: in `folder`, then in what the code adds to `sys.path`, then in root and root/src, in place
    of an editable install. Files outside root do not count.
    """
    found, root = Found(contents=contents or Contents()), root.resolve()
    names = [read_names(cell) for cell in cells]
    added = [folder / place for name in names for place in name.folders]
    search = [folder, *added, root, root / "src"]
    for name in names:
        _take(name, found, folder=folder, search=search, root=root)
    return found


def follow_files(
    files: Iterable[Path], modules: Iterable[str] = (), *, root: Path, contents: Contents | None = None
) -> Found:
    """Return the same as `follow`, for scripts, which count themselves, and for modules that `python -m` runs."""
    found, root = Found(contents=contents or Contents()), root.resolve()
    for file in files:
        _take_file(file, found, search=[file.parent, root, root / "src"], root=root)
    run = [(0, name) for module in modules for name in (module, f"{module}.__main__")]
    _take(Names(tuple(run)), found, folder=root, search=[root, root / "src"], root=root)
    return found


def is_file(path: Path) -> bool:
    """Return whether there is such a file. A program may name anything, even a name that is too long for a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _take(names: Names, found: Found, *, folder: Path, search: list[Path], root: Path) -> None:
    for script in names.files:
        _take_file(folder / script, found, search=search, root=root)
    for level, dotted in names.imports:
        places = [_ascend(folder, level)] if level else search
        files = found.contents.seen.module(dotted, tuple(places), _module_files)
        for file in files:
            _take_file(file, found, search=search, root=root)
        top = dotted.partition(".")[0]
        if top and not files and not level and top not in _BUILT_IN:
            found.packages.add(top)


def _take_file(file: Path, found: Found, *, search: list[Path], root: Path) -> None:
    try:
        file = file.resolve()
    except (OSError, ValueError, RuntimeError):  # no path at all, or a loop of links
        return
    if not file.is_relative_to(root) or not is_file(file):
        return
    key = file.relative_to(root).as_posix()
    if key in found.modules:
        return
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unreadable(error, key) from error
    found.modules[key] = found.contents.hash_read(file, content)
    if file.suffix == ".py":
        names = read_names(content.decode("utf-8", "replace"))
        added = [file.parent / place for place in names.folders]
        _take(names, found, folder=file.parent, search=[*search, *added], root=root)


def _ascend(folder: Path, level: int) -> Path:
    return folder if level == 1 else folder.parents[min(level - 2, len(folder.parents) - 1)]


def _module_files(dotted: str, places: Iterable[Path]) -> list[Path]:
    """Return the files that importing `a.b.c` reads from the first folder that has `a`.

    These are `a/__init__.py`, `a/b.py` or `a/b/__init__.py`, and so on.
    """
    parts = dotted.split(".") if dotted else []
    for place in places:
        files, here = [], place
        for part in parts:
            package, module = here / part, here / f"{part}.py"
            if is_file(module):
                files.append(module)
            elif is_file(package / "__init__.py"):
                files.append(package / "__init__.py")
            elif not _is_folder(package):
                break
            here = package
        if files:
            return files
    return []


@lru_cache(maxsize=4096)
def read_names(code: str) -> Names:
    """Return what a cell or a module imports; understands IPython's magics; searches broken code line by line."""
    if code.lstrip().startswith("%%"):
        magic, _, code = code.lstrip().partition("\n")
        if not magic[2:].startswith(_PYTHON_CELLS):
            return Names()
    files = tuple(match["file"].strip("'\"") for match in _RUN.finditer(code))
    if code.isascii() and "import" not in code and "path" not in code:  # to parse it would find nothing
        return Names(files=files)
    tree = parse(code)
    if tree is None:
        return Names(tuple(_searched(code)), files)
    imports, folders = _walk(tree)
    return Names(tuple(imports), files, tuple(folders))


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree of a cell without IPython's magics; None if it is not Python."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no warnings about the user's code, such as an invalid escape
        for text in (code, _without_magics(code)):
            try:
                return ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return None


def _without_magics(code: str) -> str:
    def replace(line: str) -> str:
        match = _MAGIC.match(line)
        return f"{match['indent']}pass" if match else line

    return "\n".join(replace(line) for line in code.splitlines())


def _searched(code: str) -> Iterable[tuple[int, str]]:
    for match in _IMPORT.finditer(code):
        for name in (match["module"] or match["modules"]).split(","):
            dotted = name.split(" as ")[0].strip()
            level = len(dotted) - len(dotted.lstrip("."))
            yield level, dotted.lstrip(".")


def _walk(tree: ast.Module) -> tuple[list[tuple[int, str]], list[str]]:
    imports: list[tuple[int, str]] = []
    folders: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            imports += [(node.level, f"{base}.{alias.name}".strip(".")) for alias in node.names if alias.name != "*"]
            imports += [(node.level, base)] if base else []
        elif isinstance(node, ast.Call):
            imports += [(0, text) for text in _literal_argument(node, "importlib.import_module", "import_module")]
            folders += _literal_argument(node, "sys.path.append", "sys.path.insert")
    return imports, folders


def _literal_argument(call: ast.Call, *functions: str) -> list[str]:
    if _dotted(call.func) not in functions:
        return []
    return [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
