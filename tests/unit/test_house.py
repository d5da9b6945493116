"""The rules of docs/design.md and CONTRIBUTING.md that a program can check."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests.house import MODULES, PACKAGE, TOP, arrows, drawn, imported, needs, reached, tree
from tests.house import main as print_house

DOORS = {
    "docker": {"execution/containers/engine.py"},
    "git": {"git/asking.py", "git/program.py"},
    "github": {"github/connection.py", "github/issues.py", "github/pull_requests.py", "github/repository.py"},
    "jinja2": {
        "report/template_errors.py",
        "report/template_session.py",
        "report/template_trace.py",
        "report/template_values.py",
        "text/from_templates.py",
    },
    "papermill": {
        f"execution/workers/{name}.py" for name in ("papermill_client", "papermill_import", "papermill_notebook")
    },
    "pyppeteer": {"pictures/browser.py"},
    # Chromium is started with what only its own door knows; a regular expression that never ends can only be killed.
    # What goes into a container has no doors of ours there.
    "subprocess": {
        "system/process.py",
        "pictures/chromium.py",
        "system/matching.py",
        "execution/agent/kernels.py",
        "execution/agent/jupyterlab.py",
        "execution/agent/probe.py",
        "execution/agent/watching.py",
    },
}
"""Who may import what leads outside."""


def test_rooms_form_no_circle() -> None:
    assert list(TopologicalSorter(needs()).static_order())


def test_a_room_needs_those_only_that_the_picture_says() -> None:
    picture = drawn()
    assert set(picture) | set().union(*picture.values()) == set(needs()), "docs/design.md has all rooms, and no others"
    missing = {each: why for each, why in arrows().items() if each[1] not in reached(picture, each[0])}
    assert missing == {}, "draw it in docs/design.md, or do without it"


def test_the_picture_has_no_arrow_too_many() -> None:
    real = needs()
    assert {
        room: needed - reached(real, room) for room, needed in drawn().items() if needed - reached(real, room)
    } == {}


def test_the_house_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_house() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.partition(" ")[0] for line in lines} == set(needs())
    assert lines[-1].startswith("__main__ --> cli")


NAMED = re.compile(r"`(?P<module>[\w/]+\.py)(?:: (?P<name>\w+))?`")


@pytest.mark.parametrize("page", ["design.md", "decisions.md"])
def test_what_the_design_names_is_there(page: str) -> None:
    for named in NAMED.finditer((TOP / "docs" / page).read_text("utf-8")):
        module = next(
            (place / named["module"] for place in (PACKAGE, TOP) if (place / named["module"]).is_file()), None
        )
        assert module, f"{page}: {named[0]}"
        has = {getattr(node, "name", "") for node in ast.parse(module.read_text("utf-8")).body}
        assert not named["name"] or named["name"] in has, f"{page}: {named[0]}"


@pytest.mark.parametrize("tool", sorted(DOORS))
def test_one_door_leads_to_each_tool(tool: str) -> None:
    importers = {str(module) for module in MODULES if any(name.split(".")[0] == tool for name, _ in imported(module))}
    assert importers == DOORS[tool]


@pytest.mark.parametrize(
    "what", ["os.environ", "os.getenv", "os.environb", "sys.argv", "sys.exit", "os._exit", "SystemExit"]
)
def test_only_the_command_line_reads_the_environment_and_exits(what: str) -> None:
    """Workers and what runs in a container are programs of their own: what they were started with is theirs to read."""
    places = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if str(module) not in ("cli/main.py", "__main__.py", "interrupts.py") and not module.stem.endswith("_worker")
        if module.parent.name != "agent" and what.rpartition(".")[2] in (PACKAGE / module).read_text("utf-8")
        for node in ast.walk(tree(module))
        if isinstance(node, (ast.Attribute, ast.Name)) and ast.unparse(node) == what
    ]
    assert places == []


PRIVATE_WORDS = re.compile(
    r"darkroom|workshop|(?<![a-z])desk|glance|(?<![a-z])sight|depot|(?<![a-z])standing|amounts|harmless|surroundings"
    r"|settle|foresee|foresight",
    re.IGNORECASE,
)
"""Words that had to be learned here, and stood for what the field has a word for."""


def test_names_are_the_fields_words() -> None:
    files = [module for module in MODULES if PRIVATE_WORDS.search(str(module))]
    names = {
        f"{module}:{token.start[0]}: {token.string}"
        for module in MODULES
        for token in tokenize.generate_tokens(io.StringIO((PACKAGE / module).read_text("utf-8")).readline)
        if token.type == tokenize.NAME and PRIVATE_WORDS.search(token.string)
    }
    assert (files, names) == ([], set())


LONGEST_FILE, LONGEST_FUNCTION = 300, 45
"""Lines, comments and docstrings included."""


def long_parts(module: Path) -> list[str]:
    """Return what is too long in a file: itself, and its functions."""
    functions = (node for node in ast.walk(tree(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    lengths = [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions]
    found = [f"{name}: {length} lines" for name, length in lengths if length > LONGEST_FUNCTION]
    lines = len((PACKAGE / module).read_text("utf-8").splitlines())
    return [f"{lines} lines", *found] if lines > LONGEST_FILE else found


def test_files_and_functions_are_short() -> None:
    found = {str(module): parts for module in MODULES if (parts := long_parts(module))}
    assert found == {}, "split it by subject"


def test_nothing_prints_but_the_console_and_workers() -> None:
    places = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if str(module) not in ("console/console.py", "__main__.py") and not module.stem.endswith("_worker")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert places == []


@pytest.mark.needs("git")
def test_no_file_names_the_machine_it_was_written_on() -> None:
    if not (TOP / ".git").exists():
        pytest.skip("not a git checkout: which files are ours is unknown")
    homes = {str(TOP), str(Path.home())} - {"/"}
    patterns = [argument for place in sorted(homes) for argument in ("-e", f"{place}/")]
    # An image that was made for root has its Python in root's home.
    files = ["--", ":!tests/images", ":!tests/integration/test_engines.py"]
    argv = ["git", "grep", "-nIF", *patterns, *files]
    found = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
    assert found.stdout == ""


# --- the locks in requirements/ --------------------------------------------------------------------------------------

LOCKS = sorted((TOP / "requirements").glob("*.txt"))
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ \\]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?")


def pins(lock: Path) -> dict[str, list[str]]:
    """Name to the versions that a lock gives for different Pythons and platforms."""
    found: dict[str, list[str]] = {}
    for line in lock.read_text("utf-8").splitlines():
        if not line.startswith("    --hash=sha256:"):
            match = PIN.fullmatch(line)
            assert match, f"{lock.name}: {line}"
            found.setdefault(match["name"], []).append(match["version"])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))
def test_locks_hold_hashes_and_no_addresses(lock: Path) -> None:
    lines = lock.read_text("utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line) or PIN.fullmatch(line), line
        assert line.endswith("\\") == following.startswith("    --hash="), line


@pytest.mark.parametrize(("smaller", "larger"), [("plan", "run"), ("run", "examples"), ("examples", "test")])
def test_larger_locks_hold_the_smaller_ones(smaller: str, larger: str) -> None:
    less, more = pins(TOP / f"requirements/{smaller}.txt"), pins(TOP / f"requirements/{larger}.txt")
    assert {name: versions for name, versions in less.items() if more.get(name) != versions} == {}


def declared() -> dict[str, list[str]]:
    """What pyproject.toml asks for, by the lock that must hold it."""
    text = (TOP / "pyproject.toml").read_text("utf-8")
    lists = {
        name: [str(word) for word in ast.literal_eval(re.sub(r"#.*", "", body))]
        for name, body in re.findall(r"^([a-z]+) = (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
        if name in ("dependencies", "examples", "build", "test", "plan", "bench", "gallery")
    }
    return {
        "run": lists["dependencies"] + lists["build"],
        "examples": lists["examples"],
        "test": lists["test"],
        "plan": lists["plan"],
        "bench": lists["bench"],
        "gallery": lists["gallery"],
    }


@pytest.mark.parametrize("name", ["run", "examples", "test", "plan", "bench", "gallery"])
def test_locks_hold_what_pyproject_asks_for(name: str) -> None:
    locked = pins(TOP / f"requirements/{name}.txt")
    for text in declared()[name]:
        wanted = Requirement(text)
        versions = locked.get(wanted.name, [])
        assert versions, f"{wanted.name} is not locked: `make lock`"
        assert all(version in wanted.specifier for version in versions), f"{text}, locked {versions}: `make lock`"


def test_every_dependency_has_its_reason() -> None:
    reasons = (TOP / "CONTRIBUTING.md").read_text("utf-8")
    direct = [Requirement(text).name for texts in declared().values() for text in texts]
    assert [name for name in direct if f"`{name}`" not in reasons] == []
