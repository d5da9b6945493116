"""Cells that ask a person: runs have nobody to ask."""

from __future__ import annotations

import nbformat
from tests.integration.running import Runner, outputs
from tests.integration.test_command import WAITS_FOR_A_KEY

ASKED_BY_PYTHON = """
import getpass
for ask in (input, getpass.getpass):
    try:
        ask("name: ")
    except Exception as error:
        print(type(error).__name__)
"""
DRIVEN_BY_PYTHON = """
import pexpect
child = pexpect.spawn("cat")
child.sendline("typed")
child.expect("typed")
print("well")
"""
CELLS = {
    "paged": "!echo pager is $PAGER; git_pager() { $GIT_PAGER; }; echo shown | git_pager",
    "line": """!echo; {sys.executable} -c "input('name: ')" """,
    "key": "!{sys.executable} key.py",
    "terminal": """!sh -c 'read x </dev/tty; echo "<$x>"'""",
    "shell": '%%bash\nread x </dev/tty\necho "<$x>"',
    "python": ASKED_BY_PYTHON,
    "colours": "!{sys.executable} -c 'import sys; print(sys.stdout.isatty())'",
    "own terminals": DRIVEN_BY_PYTHON,
}


def test_what_cells_ask_meets_the_end_of_input(runner: Runner) -> None:
    job = runner.job("asks", notebook="notebooks/asks.ipynb")
    place = runner.root / "notebooks"
    place.mkdir()
    (place / "key.py").write_text(WAITS_FOR_A_KEY)
    cells = [nbformat.v4.new_code_cell(source) for source in ("import sys", *CELLS.values())]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), place / "asks.ipynb")
    finished = runner.run([job])["asks"]
    assert finished.error is None
    said = dict(zip(("import", *CELLS), map(printed, outputs(finished)), strict=True))
    assert said["paged"].split() == ["pager", "is", "cat", "shown"]
    assert "EOFError" in said["line"]
    assert said["key"].split()[:3] == ["press", "a", "key"]
    assert said["terminal"].endswith("<>\n")
    assert said["shell"].endswith("<>\n")
    assert said["python"].split() == ["StdinNotImplementedError"] * 2
    assert said["colours"].strip() == "True"
    assert said["own terminals"].strip() == "well"
    assert runner.left() == []


def test_no_debugger_is_loaded_but_what_a_cell_imports(runner: Runner) -> None:
    before = "import sys\nprint(sorted({'debugpy', 'pydevd'} & {*sys.modules}))"
    after = "import debugpy\nprint(debugpy.__name__, callable(debugpy.listen))"
    job = runner.job("debugged", notebook="notebooks/debugged.ipynb")
    place = runner.root / "notebooks/debugged.ipynb"
    place.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in (before, after)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), place)
    finished = runner.run([job])["debugged"]
    assert finished.error is None
    assert [printed(cell).strip() for cell in outputs(finished)] == ["[]", "debugpy True"]


def printed(cell: list[dict[str, str]]) -> str:
    return "".join("".join(output["text"]) for output in cell if output["output_type"] == "stream").replace("\r", "")
