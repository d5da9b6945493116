"""Nothing changed: a refresh of 50 fresh notebooks against `jcache project execute` with nothing to execute."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

from benchmarks import corpus
from benchmarks.measure import Bench, BrokenComparisonError, Contender, Row, interleave, say

NOTEBOOKS = 50
AT_MOST = 0.18
_TRIES = 5
_DONE = "Executing 0 notebook(s)"


def rows(bench: Bench) -> list[Row]:
    """One row."""
    count = 10 if bench.quick else NOTEBOOKS
    ours, theirs = _ours(bench, count), _jcache(bench, count)
    [comparison] = interleave(ours, [theirs], rounds=3 * bench.rounds)
    return [comparison.row(f"nothing changed, {count} notebooks", at_most=AT_MOST)]


def _ours(bench: Bench, count: int) -> Contender:
    folder = bench.folder("nothing-changed")
    corpus.write_project(folder, count)
    say(f"nothing changed: {count} notebooks are executed by gpu-doc, then by jcache")
    _call([bench.tool("gpu-doc"), "run"], folder, bench)
    before = _stamps(folder)

    def check(_printed: str) -> None:
        if _stamps(folder) != before:
            raise BrokenComparisonError("gpu-doc wrote something although nothing changed")

    return Contender(
        name="gpu-doc",
        commands=[[bench.tool("gpu-doc"), "run"]],
        folder=folder,
        environment=bench.environment,
        check=check,
    )


def _stamps(folder: Path) -> dict[str, int]:
    """When each file of the checkout was last written; gpu-doc's own bookkeeping aside."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".gpu-doc" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


def _jcache(bench: Bench, count: int) -> Contender:
    folder = bench.folder("jcache")
    names = corpus.write_notebooks(folder, count)
    environment = {**bench.environment, "JUPYTER_PATH": str(_kernel_spec(bench))}
    jcache, cache = bench.peer("jcache"), ["-p", str(folder / ".jupyter_cache")]
    add = [jcache, "notebook", *cache, "add", *names]
    # It asks whether to make the cache: the yes is for that.
    subprocess.run(add, cwd=folder, env=environment, input="y\n", text=True, capture_output=True, check=True)
    execute = [jcache, "project", *cache, "execute", "--timeout", "300"]
    call = partial(_call, folder=folder, bench=bench, environment=environment)
    call([*execute, "--executor", "local-parallel"])
    # Kernels that start at once may choose the same port, and then jcache loses a notebook; alone it can't.
    if not any(_DONE in call(execute) for _ in range(_TRIES)):
        raise BrokenComparisonError(f"jcache has not executed all its notebooks after {_TRIES} more tries")

    def check(printed: str) -> None:
        if _DONE not in printed:
            raise BrokenComparisonError(f"jcache had something to execute:\n{printed}")

    return Contender(name="jcache", commands=[execute], folder=folder, environment=environment, check=check)


def _kernel_spec(bench: Bench) -> Path:
    """A kernel of gpu-doc's environment for jcache, so that both execute with the same packages."""
    share = bench.scratch / "jupyter"
    spec = share / "kernels" / "python3"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [str(bench.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    return share


def _call(command: list[str], folder: Path, bench: Bench, environment: dict[str, str] | None = None) -> str:
    """Run a command once, outside of any time; give what it printed."""
    printed: list[str] = []
    once = Contender(
        name=Path(command[0]).name,
        commands=[command],
        folder=folder,
        environment=environment or bench.environment,
        check=printed.append,
    )
    once.round()
    return printed[0]
