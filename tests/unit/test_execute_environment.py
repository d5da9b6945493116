"""What a local kernel inherits (contract, section 4)."""

from __future__ import annotations

import pytest

from gpu_doc.execution.runs.job import kernel_environment


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "GITHUB_REF",
        "ACTIONS_RUNTIME_URL",
        "RUNNER_TEMP",
        "INPUT_IMAGE",
        "GH_TOKEN",
        "HF_TOKEN",
        "CLIENT_SECRET",
        "PGPASSWORD_PASSWORD",
        "WANDB_API_KEY",
        "MULTI\nLINE_KEY",
    ],
)
def test_what_ci_and_credentials_put_there_is_withheld_unless_listed(name: str) -> None:
    environ = {name: "x", "PATH": "/bin"}
    assert kernel_environment(environ, []) == {"PATH": "/bin"}
    assert kernel_environment(environ, [name]) == environ


@pytest.mark.parametrize(
    "name",
    ["PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES", "HOME", "TOKENIZERS", "KEYBOARD", "MY_GITHUB_REF", "KEY"],
)
def test_everything_else_is_inherited(name: str) -> None:
    assert kernel_environment({name: "x"}, []) == {name: "x"}
