"""What runs leave on disk and tell, when they show their secrets in every way that they have."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.running import Runner, executed, mostly_local, outputs, text

from gpu_doc.errors import RunError
from gpu_doc.execution.runs.files import redact_files
from gpu_doc.execution.runs.job import Finished
from gpu_doc.redaction import MARK, Redactor

SECRET = "Zebra7Quagga-Okapi/9"
PIECES = ("Zebra7", "Quagga", "Okapi")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers are handed what stands in our own environment."""
    monkeypatch.setenv("API_KEY", SECRET)


def run(runner: Runner, name: str, **keys: Any) -> Finished:
    """Run something that has the secret in its environment."""
    job = runner.job(name, secrets=("API_KEY",), **keys)
    environment = {**runner.environment, "API_KEY": SECRET, "JOB": str(job.folder)}
    return runner.run([replace(job, redactor=Redactor([SECRET]), environment=environment)])[name]


def notebook(runner: Runner, *cells: str) -> str:
    """Write a notebook whose first cell is tagged `parameters`; give its path."""
    runner.root.mkdir(exist_ok=True)
    whole = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    written: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "outputs": [], "execution_count": None, "metadata": {}}
        for n, source in enumerate(("key = ''", *cells))
    ]
    written[0]["metadata"] = {"tags": ["parameters"]}
    (runner.root / "shows.ipynb").write_text(json.dumps({**whole, "cells": written}))
    return "shows.ipynb"


def leaks(folder: Path) -> list[str]:
    """Where the secret or a piece of it stands, however it is written."""
    data = SECRET.encode()
    coded = [base64.b64encode(b"x" * n + data)[4:-4] for n in range(3)]
    forms = [*(piece.encode() for piece in PIECES), data.hex().encode(), *coded]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [f"{path.name}: {form!r}" for path in files for form in forms if form in path.read_bytes()]


def said(finished: Finished) -> str:
    assert isinstance(finished.error, RunError)
    return "\n".join([finished.error.what, finished.error.details, finished.error.remedy, finished.error.where])


# The first stream is divided by what comes from another in between.
SHOWS = (
    """
import os, sys
key = os.environ["API_KEY"]
print("one", key[:9], end=""); sys.stdout.flush()
print("two", file=sys.stderr); sys.stderr.flush()
print(key[9:], "three")
""",
    """
for letter in key: print(letter, end="", flush=True)
""",
    """
from IPython.display import display
kinds = ("text/html", "text/latex", "text/markdown", "image/svg+xml", "text/plain")
data = {kind: f"<b>{key}</b>" for kind in kinds} | {"application/json": {"deep": [key, {key: 1}]}}
display(data, raw=True, metadata={"who": key})
""",
    """
shown = display({"text/plain": "nothing yet"}, raw=True, display_id=True)
shown.update({"text/plain": key}, raw=True)
""",
    """
import base64
picture = base64.b64encode(b"\\x89PNG\\r\\n\\x1a\\n tEXt" + key.encode()).decode()
display({"image/png": picture, "text/plain": "a picture"}, raw=True)
""",
    """
import urllib.parse
key.encode().hex(), base64.b64encode(b"me:" + key.encode()), urllib.parse.quote(key, safe=""), f"\\x1b[1m{key}"
""",
    "os.system('echo $API_KEY')",
    f"literal = '{SECRET}'",
)


def test_what_a_notebook_shows_is_redacted_wherever_it_lands(runner: Runner) -> None:
    finished = run(runner, "shows", notebook=notebook(runner, *SHOWS), parameters={"key": SECRET})
    assert finished.error is None
    assert leaks(finished.job.folder) == []
    cells = [cell for cell in executed(finished)["cells"] if cell["cell_type"] == "code"]
    assert cells[1]["source"][-1] == f'key = "{MARK}"\n'
    assert cells[-1]["source"] == [f"literal = '{MARK}'"]
    assert executed(finished)["metadata"]["papermill"]["parameters"] == {"key": MARK}
    shown = outputs(finished)[2:]
    assert [output["text"] for output in shown[0]] == [[f"one {MARK}"], ["two\n"], [" three\n"]]
    assert [output["text"] for output in shown[1]] == [[MARK]]
    (rich,) = shown[2]
    assert rich["data"].pop("application/json") == {"deep": [MARK, {MARK: 1}]}
    assert {"".join(content) for content in rich["data"].values()} == {f"<b>{MARK}</b>"}
    assert rich["metadata"] == {"who": MARK}
    assert shown[3][0]["data"] == {"text/plain": [MARK]}
    assert "image/png" not in shown[4][0]["data"]
    assert "".join(shown[5][0]["data"]["text/plain"]).count(MARK) == 4


def test_no_notebook_on_its_way_holds_a_secret(local: Runner) -> None:
    """It is saved after each cell, and may be all that is left of a run that is killed."""
    look = "import os, pathlib\nsaved = pathlib.Path(os.environ['JOB'], 'executed.ipynb').read_text()\n"
    look += "print('Qua' + 'gga' in saved, saved.count('*' * 3))"
    finished = run(
        local, "saved", notebook=notebook(local, "print(key)", look, f"'{SECRET}'"), parameters={"key": SECRET}
    )
    assert finished.error is None
    assert outputs(finished)[3][0]["text"] == ["False 4\n"]


def test_the_state_of_widgets_is_redacted(local: Runner) -> None:
    shows = "out = ipywidgets.Output()\nwith out: print(os.environ['API_KEY'])\n"
    shows += "display(out, ipywidgets.Text(value=os.environ['API_KEY']))"
    finished = run(local, "widget", notebook=notebook(local, "import ipywidgets, os", shows))
    assert finished.error is None
    assert MARK in json.dumps(executed(finished)["metadata"]["widgets"])
    assert leaks(finished.job.folder) == []


@mostly_local
def test_what_a_failed_cell_says_is_redacted(runner: Runner) -> None:
    source = f"import os\ndef login(password): raise ValueError('refused: ' + password)\nlogin('{SECRET}')"
    finished = run(runner, "fails", notebook=notebook(runner, source))
    assert f"ValueError: refused: {MARK}" in said(finished)
    assert f"login('{MARK}')" in said(finished)
    assert not any(piece in said(finished) for piece in PIECES)
    assert leaks(finished.job.folder) == []


def test_what_a_dying_kernel_said_outside_of_cells_is_redacted(local: Runner) -> None:
    source = "import os, sys\nos.write(sys.__stderr__.fileno(), b'last words ' + os.environ['API_KEY'].encode())\n"
    finished = run(local, "dies", notebook=notebook(local, source + "os.kill(os.getpid(), 9)"))
    assert "the kernel died" in said(finished)
    assert not any(piece in said(finished) for piece in PIECES)
    assert f"last words {MARK}" in (finished.job.folder / "kernel.log").read_text()
    assert leaks(finished.job.folder) == []


PRINTS = (
    "import os, sys, time\n"
    "key = os.environ['API_KEY']\n"
    "for part in (key[:3], key[3:9], key[9:] + chr(10)): print(part, end='', flush=True); time.sleep(0.1)\n"
    "print(chr(27) + '[31m' + key[:9] + chr(27) + '[0m' + key[9:])\n"
    "print(key.encode().hex())\n"
)


@pytest.mark.parametrize("keys", [{}, {"detach": True}], ids=["attached", "detached"])
def test_what_a_command_prints_is_redacted_before_it_is_kept(runner: Runner, keys: dict[str, Any]) -> None:
    name = f"prints{len(keys)}-{runner.folder.name}"
    finished = run(runner, name, command=(runner.python, "-c", PRINTS + "sys.exit(3)"), **keys)
    log = (finished.job.folder / "terminal.log").read_text()
    assert log.replace("\r\n", "\n").split("\n") == [MARK, f"\x1b[31m{MARK}", MARK, ""]
    assert MARK in said(finished)
    assert leaks(finished.job.folder) == []


def test_values_reach_a_container_and_are_not_in_what_makes_it(runner: Runner) -> None:
    finished = run(runner, "gets", notebook=notebook(runner, "import os\nprint(len(os.environ['API_KEY']))"))
    assert text(finished) == f"{len(SECRET)}\n"
    if runner.docker:
        place = runner._place(finished.job.run)
        order = place.order()
        assert order.job.secrets == {"API_KEY": SECRET}
        assert SECRET not in json.dumps([order.create, order.engine])


WRITES = (
    "import json, os, pathlib\n"
    "key = os.environ['API_KEY']\n"
    "pathlib.Path('rows.csv').write_text(f'user,key\\nme,{key}\\n' * 3)\n"
    "pathlib.Path('facts.json').write_text(json.dumps({'key': key, 'other': 'Ü'}))\n"
    "pathlib.Path('big.txt').write_text('ordinary text\\n' * 700_000 + key)\n"
    "pathlib.Path('other.bin').write_bytes(bytes(range(256)) * 10)\n"
)
WANTED = ("rows.csv", "facts.json", "big.txt", "other.bin")


def test_files_of_text_are_redacted_and_others_stay_to_the_byte(runner: Runner) -> None:
    finished = run(runner, "writes", command=(runner.python, "-c", WRITES), produces=WANTED)
    assert finished.error is None
    produced = finished.job.folder / "produced"
    assert (produced / "rows.csv").read_text() == f"user,key\nme,{MARK}\n" * 3
    assert json.loads((produced / "facts.json").read_text()) == {"key": MARK, "other": "Ü"}
    assert (produced / "big.txt").read_text() == "ordinary text\n" * 700_000 + MARK
    assert (produced / "other.bin").read_bytes() == bytes(range(256)) * 10
    assert sorted(path.name for path in produced.iterdir()) == sorted(WANTED)
    assert leaks(finished.job.folder) == []


def test_logs_are_looked_through_once_more_when_they_are_whole(local: Runner) -> None:
    """More colours than fit into what is held back of a stream divide this one."""
    job = replace(local.job("whole", command=("true",)), redactor=Redactor([SECRET]))
    log = job.folder / "terminal.log"
    log.write_bytes(SECRET[:9].encode() + b"\x1b[0m" * 100_000 + SECRET[9:].encode() + b"\xff")
    redact_files(job)
    assert log.read_bytes() == MARK.encode() + b"\xff"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.bin", "b'\\0\\1' + key.encode()"),
        ("a.npy", "b'\\x93NUMPY' + key.encode('utf-32-le')"),
        ("late.bin", "b'text' * 5_000_000 + key.encode() + b'\\xff'"),
        ("' + key.split('/')[0] + '/9", "b'x'"),
    ],
    ids=["binary", "numpy", "late", "name"],
)
def test_a_file_that_cannot_be_redacted_fails_its_run_and_is_not_kept(local: Runner, name: str, content: str) -> None:
    script = "import os, pathlib\nkey = os.environ['API_KEY']\n"
    script += f"path = pathlib.Path('left', '{name}')\npath.parent.mkdir(parents=True)\npath.write_bytes({content})"
    finished = run(local, "spoils", command=(local.python, "-c", script), produces=("left/**/*",))
    assert "holds the value of a secret" in said(finished)
    assert not any(piece in said(finished) for piece in PIECES)
    assert [path for path in (finished.job.folder / "produced").rglob("*") if path.is_file()] == []
