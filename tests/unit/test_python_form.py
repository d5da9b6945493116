"""Which sources of Python are the same program to us, and which are not."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

from gpu_doc.python_form import form as forms
from gpu_doc.python_form.form import digest, form

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
OURS = Path(forms.__file__).parents[1]
TOKEN = re.compile(r"\w+|[^\w\s]")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x=1", "x = 1  # the first\n\n"),
        ("x = 1\n", "x = 1\r\n"),
        ("#| label: fig-a\nx", "#| label: fig-b\n\nx"),
        ("x = 'a'", 'x = "a"'),
        ("x = 'it\\'s'", 'x = "it\'s"'),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = u'a'", "x = 'a'"),
        ("x = R'\\d'", "x = r'\\d'"),
        ("x = '\\x41\\101\\u0041\\N{LATIN CAPITAL LETTER A}'", "x = 'AAAA'"),
        ("x = B'\\xff'", "x = b'\\377'"),
        ("x = 0XFF + 1E3 + 1_000 + 2J", "x = 255 + 1000.0 + 1000 + 2j"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = a + \\\n    b", "x = (\n    a\n    + b\n)"),
        ("if (a): b", "if a:\n\tb"),
        ("a; b", "a\nb"),
        ("return_ = (yield x)", "return_ = yield x"),
        ("def f():\n  return (a, b)", "def f():\n    return a, b"),
        ("for (x, y) in (z): pass", "for x, y in z: pass"),
        ("x = (a and b) or (not c)", "x = a and b or not c"),
        ("x = (a * b) + (c ** d)", "x = a * b + c ** d"),
        ("x = -(1)", "x = - 1"),
        ("print((1))", "print(1)"),
        ("print((x for x in y))", "print(x for x in y)"),
        ("x[(a, b)]", "x[a, b]"),
        ("x[a : b]", "x[a:b]"),
        ("f(k=1, *a)", "f(*a, k=1)"),
        ("del (a, b)", "del a, b"),
        ("from a import (b, c as d,)", "from a import b, c as d"),
        ("with (open(a) as f, open(b) as g): pass", "with open(a) as f, open(b) as g: pass"),
        ("class A(): pass", "class A: pass"),
        ("@(a)\ndef f(): ...", "@a\ndef f():\n    ..."),
        ("if a: b\nelif c: d", "if a:\n    b\nelse:\n    if c: d"),
        ("assert (a), (b)", "assert a, b"),
        ("x = lambda : (a)", "x = lambda: a"),
        ("x: (int) = (1)", "x: int = 1"),
        ("while (x := f()): pass", "while x := f(): pass"),
        ("match (x):\n case (1): pass\n case [a, *b]: pass", "match x:\n    case 1: pass\n    case (a, *b): pass"),
        ("match = 1; case = match", "match = 1\ncase = match"),
        ("type X [T] = (list[T])", "type X[T] = list[T]"),
        ("def f [T: int](a: (T), /, * , b=(1)) -> (T): ...", "def f[T: int](a: T, /, *, b=1) -> T: ..."),
        ("f'{ x }'", 'f"{x}"'),
        ("f'a' 'b' f'{x!r:>{w}}'", 'f"ab{x!r:>{w}}"'),
        ("f'{x:{\"a\"}}'", "f'{x:{'a'}}'"),
        ("f'{f'{x}'}'", "f\"{f'{ x }'}\""),
        ("try: a\nexcept* (E): b", "try:\n    a\nexcept* E:\n    b"),
        ("\uff58 = 1", "x = 1"),
    ],
)
def test_what_is_only_written_otherwise_is_the_same(one: str, other: str) -> None:
    assert form(one) is not None
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0x10", "x = 10"),
        ("x = 'a'", "x = 'a '"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'a'", "x = f'a'"),
        ("x = r'\\n'", "x = '\\n'"),
        ("x = '\\\\N{BULLET}'", "x = '\\N{BULLET}'"),
        ("x = '\\ud83d\\ude00'", "x = '\\U0001f600'"),
        ("x = '''a\n  b'''", "x = '''a\n    b'''"),
        ('"""Doc."""', '"""Doc. """'),
        ("x = '# a'", "x = '# b'"),
        ("x = (a,)", "x = (a)"),
        ("x = a, b", "x = [a, b]"),
        ("x = (a + b) * c", "x = a + b * c"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("x = (-1) ** 2", "x = -1 ** 2"),
        ("x = a ** (b ** c)", "x = (a ** b) ** c"),
        ("x = not (a == b)", "x = (not a) == b"),
        ("x = a < b < c", "x = (a < b) < c"),
        ("x = a if b else c", "x = b if a else c"),
        ("x = (lambda: a)()", "x = lambda: a()"),
        ("(x): int", "x: int"),
        ("if a:\n    b\nc", "if a:\n    b\n    c"),
        ("if a:\n    if b: c\nelse: d", "if a:\n    if b: c\n    else: d"),
        ("for x in y:\n    a\nelse: b", "for x in y:\n    a\nb"),
        ("f(a, b)", "f(b, a)"),
        ("f(*a)", "f(a)"),
        ("f([*a])", "f(*[a])"),
        ("f(a=1)", "f((a := 1))"),
        ("x[a:b]", "x[a, b]"),
        ("x[a,]", "x[a]"),
        ("x[:a]", "x[a:]"),
        ("{a}", "{a: a}"),
        ("{**a}", "{*a}"),
        ("[x for x in y if z]", "[x for x in y]"),
        ("[x for x in y]", "(x for x in y)"),
        ("with (a, b) as c: pass", "with a, b as c: pass"),
        ("from . import a", "from .. import a"),
        ("from .a import b", "from . import a, b"),
        ("import a.b as c", "import a as c"),
        ("def f(a, *, b): ...", "def f(a, b): ..."),
        ("def f(a, /, b): ...", "def f(a, b): ..."),
        ("async def f(): ...", "def f(): ..."),
        ("try: a\nexcept E: b", "try: a\nexcept* E: b"),
        ("raise a", "raise a from None"),
        ("match x:\n case [a]: pass", "match x:\n case a: pass"),
        ("match x:\n case a | b | c: pass", "match x:\n case a | (b | c): pass"),
        ("match x:\n case a if b: pass", "match x:\n case a: pass"),
        ("f'{x=}'", "f'{x = }'"),
        ("f'{x}'", "f'{{x}}'"),
        ("f'{x!r}'", "f'{x!s}'"),
        ("f'{x:>3}'", "f'{x:<3}'"),
        ("f'{x}' 'a'", "f'{x}a' ''.b"),
        ("t'{x}'", "t'{ x }'"),
        ("global a", "nonlocal a"),
        ("x += 1", "x -= 1"),
        ("x = y = 1", "x = (y := 1)"),
    ],
)
def test_what_does_another_thing_is_another(one: str, other: str) -> None:
    assert form(one) is not None
    assert form(other) is not None
    assert form(one) != form(other)


@pytest.mark.parametrize(
    "source",
    [
        "print x",
        "x = (",
        "x = )",
        "'a",
        "'''a",
        "f'{x'",
        "f'{x!}'",
        "f'}'",
        "f'{a b}'",
        "x = 1 2",
        "x = 010",
        "if a\n    b",
        "if a:\n        b\n    c",
        "x = '\\x4'",
        "x = '\\N{NO SUCH THING}'",
        "x = b'é'",
        "!ls",
        "%time x",
        "x?",
        "'a' b'b'",
        "match x:\n    case 1",
        "[" * 60 + "]" * 60,
        "x = " + "not " * 200 + "y",
        "x = " + "-" * 100_000 + "1",
        "(" * 100_000,
        "\0",
        "x = $y",
    ],
)
def test_what_is_no_python_has_no_form(source: str) -> None:
    assert form(source) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("%matplotlib inline\nx=1", "%matplotlib inline  \nx = 1  # so", True),
        ("%matplotlib inline", "%matplotlib widget", False),
        ("x = !ls -l", "x = !ls", False),
        ("if a:\n  !ls", "if a:\n    !ls", True),
        ("x = %time f( 1 )", "x = %time f(1)", False),
        ("a?\nb( 1 )", "a?\nb(1)", True),
        ("plot(x);", "plot(x)", False),
        ("plot(x) ; # quiet", "plot(x);", True),
        ("a;b", "a\nb", True),
        ("s = '''\n%no\n!magic\n'''", "s = '\\n%no\\n!magic\\n'", True),
        ("x = (a\n% b)", "x = a % b", True),
        ("await f( )", "await f()", True),
        ("", "# nothing\n\n", True),
    ],
)
def test_lines_of_ipythons_count_as_they_are_written(one: str, other: str, *, same: bool) -> None:
    assert form(one, cell=True) is not None
    assert (form(one, cell=True) == form(other, cell=True)) == same


def test_a_cell_without_code_has_an_empty_digest() -> None:
    assert digest("#| label: a\n\n# words", cell=True) == ""
    assert digest("x?", cell=False) is None


def sources(*, most: int) -> list[str]:
    paths = [*sorted(LIBRARY.glob("*.py")), *sorted(LIBRARY.glob("asyncio/*.py")), *sorted(OURS.rglob("*.py"))]
    chosen = random.Random(most).sample(paths, min(most, len(paths)))
    return [text for path in chosen if (text := forms.decoded(path.read_bytes())) is not None]


def dump(source: str) -> str | None:
    try:
        return re.sub(r", kind='u'", "", ast.dump(ast.parse(source)))
    except (SyntaxError, ValueError):
        return None


def mutated(source: str, chance: random.Random) -> str:
    spans = [match.span() for match in TOKEN.finditer(source)]
    (a, b), (c, d) = sorted(chance.sample(spans, 2))
    put = chance.choice(["(", ")", ",", "\n", " \\\n", "-", "not ", "*", ";", "# a\n", ":", '"', "f", "  "])
    return chance.choice(
        [
            source[:a] + source[b:],
            source[:a] + "(" + source[a:d] + ")" + source[d:],
            source[:a] + source[c:d] + source[b:c] + source[a:b] + source[d:],
            source[:a] + put + source[a:],
        ]
    )


def compared(most: int, each: int) -> int:
    """Hold forms against Python's own trees: as written, as `ast` writes it, and changed at random."""
    chance, judged = random.Random(most), 0
    for source in sources(most=most):
        tree = ast.parse(source)
        assert form(source) is not None
        assert form(ast.unparse(tree)) == form(source)
        statements = [
            text for node in tree.body if (text := ast.get_source_segment(source, node)) and "del" not in text
        ]
        for _ in range(each if statements else 0):
            before = chance.choice(statements)
            if len(before) > 4000 or len(TOKEN.findall(before)) < 2 or (was := dump(before)) is None:
                continue
            after = mutated(before, chance)
            if (now := dump(after)) is None or (found := form(after)) is None:
                continue
            assert (now == was) == (found == form(before)), f"{before}\n\n{after}"
            judged += 1
    return judged


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_two_forms_are_the_same_where_the_trees_are() -> None:
    assert compared(25, 12) > 40


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_a_thousand_changes_are_judged_as_by_the_trees() -> None:
    assert compared(90, 60) > 800


# --- on every Python ------------------------------------------------------------------------------------------------

HASHES = """
import json, sys
from gpu_doc.python_form.form import decoded, digest
paths, snippets = json.load(sys.stdin)
files = [open(path, "rb").read() for path in paths]
found = [digest(text) if (text := decoded(content)) is not None else "" for content in files]
json.dump([sys.version_info[:2], found, [digest(each, cell=True) for each in snippets]], sys.stdout)
"""


def pythons() -> dict[str, str]:
    """The interpreters that are here, by version: 3.10 to 3.14."""
    roots = [Path(sys.base_prefix).parent, Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"]
    installed = [str(path) for root in roots if root.is_dir() for path in root.glob("*3.1[0-9]*/bin/python3")]
    on_path = [found for minor in range(10, 15) if (found := shutil.which(f"python3.{minor}"))]
    here: dict[str, str] = {}
    for path in [sys.executable, *installed, *on_path]:
        asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd="/")
        version = done.stdout.strip()
        if done.returncode == 0 and (3, 10) <= tuple(map(int, version.split("."))) <= (3, 14):
            here.setdefault(version, path)
    return here


@pytest.mark.full
def test_every_python_hashes_the_same_code_alike() -> None:
    here = pythons()
    if len(here) < 2:
        pytest.skip("only one Python is installed here")
    paths = [str(path) for path in sorted(LIBRARY.glob("*.py")) + sorted(OURS.rglob("*.py"))]
    tests = (test_what_is_only_written_otherwise_is_the_same, test_what_does_another_thing_is_another)
    table = [mark for test in tests for mark in getattr(test, "pytestmark", ())]
    snippets = [text for mark in table for row in mark.args[1] for text in row]
    assert len(snippets) > 150
    environment = {**os.environ, "PYTHONPATH": str(OURS.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    found = {}
    for version, python in here.items():
        done = subprocess.run(
            [python, "-c", HASHES],
            input=json.dumps([paths, snippets]),
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        found[version] = json.loads(done.stdout)[1:]
    assert all(found[sys.version[:4].rstrip(".")][1])
    assert [version for version, hashes in found.items() if hashes != found[sys.version[:4].rstrip(".")]] == []


def test_every_other_encoding_than_utf_8_counts_by_bytes() -> None:
    assert forms.decoded("# coding: latin-1\nx = 'é'".encode("latin-1")) is None
    assert forms.decoded("# -*- coding: utf-8 -*-\nx = 'é'".encode()) == "# -*- coding: utf-8 -*-\nx = 'é'"
    assert forms.decoded(b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = 1") is None
    assert forms.decoded("\ufeffx = 1".encode()) == "x = 1"
    assert forms.decoded(b"x = '\xff'") is None
    assert forms.decoded(b"x = 1\ny = 2\n# coding: latin-1") is not None


def test_no_warning_is_told_of_somebody_elses_code() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert form("x = '\\d'; y is 1") == form('x = "\\\\d"\ny is 1')
