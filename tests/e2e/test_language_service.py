"""Examples are held against our action.yml files and reusable workflows by GitHub's own language service."""

from __future__ import annotations

import re

import pytest

from tests.language_service import documents, examples, problems

pytestmark = pytest.mark.needs("node")

WRONG = {
    "permissions: {}\nsteps:\n  - uses: org/gpu-doc-action@v1\n    with: {jops: 2}\n": "Invalid action input 'jops'",
    "- uses: org/gpu-doc-action@v1\n  with:\n    fore: true\n": "Invalid action input 'fore'",
    "uses: org/gpu-doc-action/issue@v1\n": "Missing required input `result`",
    "- uses: org/gpu-doc-action/plam@v1\n": "Unable to resolve action",
    "jobs:\n  a:\n    uses: org/gpu-doc-action/.github/workflows/refesh.yml@v1\n": "Unable to find reusable workflow",
}


def test_every_workflow_action_and_example_is_sound() -> None:
    checked = documents()
    assert {"workflows/push.yml", ".github/workflows/refresh.yml", "issue/action.yml"} <= set(checked)
    assert problems(checked) == []


def test_a_misspelt_input_is_found_in_each_workflow_that_gives_us_inputs() -> None:
    inputs_of_ours = re.compile(r"(uses: org/gpu-doc-action.*\n(?:.*\n)*? *with:\n)( *)")
    wrong = {name: inputs_of_ours.sub(r"\1\2misspelt: a\n\2", text, count=1) for name, text in documents().items()}
    wrong = {name: text for name, text in wrong.items() if "misspelt" in text}
    assert {"workflows/pull-request.yml", ".github/workflows/refresh.yml"} <= set(wrong)
    found = {problem.partition(":")[0] for problem in problems(wrong) if "misspelt" in problem}
    assert found == set(wrong)


def test_a_wrong_example_in_markdown_is_found_and_its_line_named() -> None:
    text = "Text.\n\n" + "\n".join(f"```yaml\n{example}```\n" for example in WRONG)
    found = problems(examples("README.md", text))
    assert found[0].startswith("README.md/3.yml:")
    for wanted, problem in zip(WRONG.values(), found, strict=True):
        assert wanted in problem
