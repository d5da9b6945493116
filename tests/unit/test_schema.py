"""The JSON Schema and the reference are made from the declared shape, and agree with the model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no type information
import pytest

from gpu_doc.config import json_schema, load, reference_tables
from gpu_doc.config.__main__ import reference
from gpu_doc.config.editors import schema_text, sections
from gpu_doc.config.kinds import WRONG
from gpu_doc.config.schema import ROOT
from gpu_doc.config.yaml12 import parse, plain
from gpu_doc.model.configuration import Capture, GpuRequirement, Limits, Publish, Retries, Run

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = Path(__file__).parent / "contract.gpu-doc.yml"
REMEDY = "call `python -m gpu_doc.config`"


def test_the_schema_in_docs_is_in_step() -> None:
    assert (DOCS / "gpu-doc.schema.json").read_text(encoding="utf-8") == schema_text(), REMEDY


def test_the_tables_in_docs_are_in_step() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert reference(text) == text, REMEDY
    assert reference_tables() in text


def test_the_schema_is_a_schema_and_accepts_what_we_accept() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = parse(CONTRACT.read_text(encoding="utf-8"), [])
    assert tree
    jsonschema.validate(plain(tree), schema)
    assert json.loads(schema_text()) == schema


@pytest.mark.parametrize(
    "wrong",
    [
        {"reports": [], "more": 1},
        {"reports": [{"path": "a.md", "more": 1}]},
        {"reports": [{"path": "a.md", "runs": {"a": {"notebook": "x.py", "command": ["x"]}}}]},
        {"reports": [{"path": "a.md", "runs": {"a/b": {"command": ["x"]}}}]},
        {"reports": [{"path": "../a.md"}]},
        {"reports": [], "defaults": {"limits": {"time": "soon"}}},
        {"reports": [], "publish": {"mode": "merge"}},
    ],
)
def test_an_editor_underlines_what_is_wrong(wrong: object) -> None:
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(wrong))


def test_patterns_mean_the_same_in_javascript() -> None:
    """JSON Schema's patterns are ECMA 262: no possessive quantifiers, named groups or inline flags of Python's own."""
    for pattern in re.findall(r'"pattern": "(.*)"', schema_text()):
        assert not re.search(r"\(\?P|\(\?[aiLmsux]|\\[AZ]|\+\+|\*\+", pattern)


def test_every_key_has_one_sentence() -> None:
    for section in sections():
        for name, key in section.own.items():
            assert re.fullmatch(r"[A-Z`].*\.", key.text), (section.name, name)


def test_the_defaults_are_the_models(tmp_path: Path) -> None:
    """Writing each default down changes nothing."""
    written = {
        section.name: {name: key.default for name, key in section.own.items() if key.default is not WRONG}
        for section in sections()
    }
    defaults = {
        **written["defaults"],
        "limits": written["limits"],
        "retries": written["retries"],
        "requires": {"gpu": written["gpu"]},
    }
    text = {
        "defaults": defaults,
        "reports": [{"path": "a.md", "runs": {"a": {"command": ["x"]}}}],
        "capture": written["capture"],
        "publish": written["publish"],
    }
    (tmp_path / "a.md").touch()
    (tmp_path / "gpu-doc.yml").write_text(json.dumps(text), encoding="utf-8")
    config = load(tmp_path / "gpu-doc.yml")
    (run,) = config.reports[0].runs
    limits = Limits(written=frozenset(written["limits"]))
    assert run == Run(
        report="a.md",
        name="a",
        address="a",
        line=1,
        command=("x",),
        limits=limits,
        requires=GpuRequirement(),
        retries=Retries(),
    )
    assert (config.capture, config.publish) == (Capture(), Publish())


def test_examples_are_valid() -> None:
    for section in sections():
        for name, key in section.own.items():
            if key.example is not WRONG:
                tree = parse(json.dumps(key.example), [])
                assert tree
                problems: list[object] = []
                key.kind.read(tree, name, problems)  # type: ignore[arg-type]  # a list of anything takes problems too
                assert not problems


def test_every_section_can_be_reached() -> None:
    assert {section.name for section in sections()} >= {ROOT.name, "report", "run", "defaults", "limits", "gpu", "data"}
