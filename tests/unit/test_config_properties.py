"""What holds for any configuration, however strange."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no type information
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_doc.config import json_schema, load
from gpu_doc.config.assemble import points
from gpu_doc.config.editors import sections
from gpu_doc.config.yaml12 import Scalar, parse, plain
from gpu_doc.errors import ConfigError
from gpu_doc.model.configuration import Config

KEYS = sorted({key for section in sections() for key in section.keys})
WORDS = [
    "auto",
    "none",
    "docs/a.md",
    "n.ipynb",
    "t.md.j2",
    "8g",
    "6h",
    "missing",
    "a/x",
    ">= 1",
    "../x",
    "x[1]",
    "python3",
]
SCALARS = st.none() | st.booleans() | st.integers(-2, 2000) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
JUNK: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
RUN = st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=4)
REPORT = st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=3).flatmap(
    lambda keys: st.fixed_dictionaries(
        {
            "path": st.sampled_from(["docs/a.md", "docs/b.md", "/x.md"]),
            "runs": st.dictionaries(st.text(max_size=3), RUN, max_size=3),
        }
    ).map(lambda report: {**keys, **report})
)
GOOD = {
    "defaults": {
        "limits": {"time": "6h", "memory": "8g", "cpus": 2},
        "gpus": [0, "GPU-1"],
        "data": ["data", {"path": "/srv/x", "version": 3}],
        "requires": {"gpu": {"count": 1}},
        "caches": {"HF_HOME": "/srv/hf"},
    },
    "reports": [
        {
            "path": "docs/a.md",
            "template": "t.md.j2",
            "runs": {
                "a": {"notebook": "n.ipynb", "parameters": {"x": 1}, "matrix": {"y": [1, 2]}},
                "b": {"command": ["x", 1e-4], "env": ["HOME"], "depends-on": ["src/**/*.py"], "retries": {"times": 1}},
            },
            "expect": {"b/x": ">= 1"},
        }
    ],
    "capture": {"width": 800, "allow-hosts": ["a.b"]},
    "publish": {"mode": "none", "labels": ["x"], "draft": True},
}


def places(value: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, child in children for place in places(child, (*above, key)))]


def replaced(value: Any, place: tuple[str | int, ...], new: object) -> Any:
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


ALMOST_GOOD = st.builds(replaced, st.just(GOOD), st.sampled_from(places(GOOD)), JUNK)
CONFIGURATION = ALMOST_GOOD | st.fixed_dictionaries(
    {"reports": st.lists(REPORT, max_size=3)}, optional={"defaults": RUN, "capture": RUN, "publish": RUN}
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    (root / "docs").mkdir()
    for name in ("docs/a.md", "n.ipynb", "t.md.j2"):
        (root / name).touch()
    return root


def read(root: Path, content: str) -> Config | ConfigError:
    path = root / "gpu-doc.yml"
    path.write_text(content, encoding="utf-8")
    try:
        return load(path)
    except ConfigError as error:
        return error


@given(CONFIGURATION)
def test_anything_is_read_or_refused_with_lines(root: Path, configuration: object) -> None:
    result = read(root, json.dumps(configuration, indent=1))
    if isinstance(result, ConfigError):
        lines = result.details.splitlines()
        assert lines
        assert all(line.startswith("gpu-doc.yml:") for line in lines)


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_any_file_is_read_or_refused(root: Path, content: bytes) -> None:
    (root / "gpu-doc.yml").write_bytes(content)
    with pytest.raises(ConfigError):
        load(root / "gpu-doc.yml")


def test_what_is_good_is_read(root: Path) -> None:
    assert isinstance(read(root, json.dumps(GOOD)), Config)


@given(ALMOST_GOOD)
@settings(max_examples=200)
def test_what_an_editor_underlines_is_refused(root: Path, configuration: object) -> None:
    """The JSON Schema must never be stricter than we are."""
    text = json.dumps(configuration)
    tree = parse(text, [])
    if tree is None:
        return  # a control character or the like
    errors = list(jsonschema.Draft202012Validator(json_schema()).iter_errors(plain(tree)))
    if errors:
        assert isinstance(read(root, text), ConfigError), errors[0]


VALUES = st.lists(st.integers(0, 99) | st.floats(0, 1) | st.booleans(), min_size=1, max_size=4, unique_by=str)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), VALUES, min_size=1, max_size=3))
def test_a_matrix_is_the_product_of_its_values_with_unique_addresses(matrix: dict[str, list[Any]]) -> None:
    nodes = {key: [Scalar(1, 1, value, str(value)) for value in values] for key, values in matrix.items()}
    made = list(points("sweep", nodes))
    assert [tuple(chosen.values()) for _, _, chosen in made] == list(product(*matrix.values()))
    assert len({address for address, _, _ in made}) == len(made)
    for address, written, _ in made:
        inner = address.removeprefix("sweep[").removesuffix("]")
        assert dict(pair.split("=") for pair in inner.split(",")) == written


@given(st.integers(1, 30), st.sampled_from(["unknwon: 1", "image: 3", "limits: {tme: 1}", "pull: often"]))
def test_a_problem_names_the_line_where_it_stands(root: Path, above: int, line: str) -> None:
    text = "reports: []\ndefaults:\n  # nothing\n" + "  # more\n" * above + f"  {line}\n"
    result = read(root, text)
    assert isinstance(result, ConfigError)
    assert result.where == f"gpu-doc.yml:{above + 4}"
