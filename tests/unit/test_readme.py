"""README.md agrees with the code: functions, commands, examples, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gpu_doc import config
from gpu_doc.cli import arguments
from gpu_doc.errors import GpuDocError
from gpu_doc.functions.__main__ import readme
from gpu_doc.functions.shared.options import LATER
from gpu_doc.text import in_place

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text("utf-8")


def test_the_table_of_functions_is_that_of_the_code() -> None:
    assert readme(README) == README, "write it anew: python -m gpu_doc.functions"
    assert "| `shot(address, caption, alt, theme, width, show, streams, output)` | a screenshot" in README


def test_what_comes_later_is_named_and_refused() -> None:
    for name in LATER:
        assert f"`{name}" in README


def test_every_command_that_is_shown_exists() -> None:
    _, known = arguments.parsers()
    shown = set(re.findall(r"^\$ gpu-doc (\w+)", README, re.MULTILINE))
    assert shown
    assert shown <= set(known)


def test_every_target_of_make_that_is_shown_exists() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?:^\$ |`)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_configuration_that_is_shown_is_accepted(tmp_path: Path) -> None:
    [reports, defaults] = re.findall(r"```yaml\n((?:reports|defaults):.*?)```", README, re.DOTALL)
    [whole] = re.findall(r"```yaml\n(.*?)```", (TOP / "docs/containers.md").read_text("utf-8"), re.DOTALL)
    for name in ("notebooks/finetune.ipynb", "templates/finetune.md.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    addresses = []
    for shown in (reports, defaults + reports, whole):
        (tmp_path / "gpu-doc.yml").write_text(shown)
        addresses.append([run.address for run in config.load(tmp_path / "gpu-doc.yml").reports[0].runs][:2])
    assert addresses == [["baseline", "sweep[lr=0.1,seed=1]"]] * 2 + [["baseline", "log"]]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", README):
        assert target.startswith("https://") or (TOP / target).exists(), target


def test_its_blocks_are_in_order() -> None:
    assert len(in_place.parse(README).blocks) == 2


@pytest.mark.parametrize("error", [error for error in GpuDocError.__subclasses__() if error.topic])
def test_every_message_leads_to_a_section_of_troubleshooting(error: type[GpuDocError]) -> None:
    text = (TOP / "docs/troubleshooting.md").read_text("utf-8")
    headings = {
        re.sub(r"[^a-z -]", "", line.lower()).strip().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("## ")
    }
    assert error.topic in headings
