"""examples/pytorch in real containers, with PyTorch's CPU build: what its reports promise is what happened."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import docker  # type: ignore[import-untyped]  # ships no types
import pytest
from PIL import Image
from scripts.copy_example import copy_example

from tests.integration.engines import image

from .conftest import environment

EXAMPLE = Path(__file__).parents[2] / "examples/pytorch"
REPORTS = ("docs/report.md", "docs/report.zh.md")

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("pytorch-example"), pytest.mark.timeout(900)]
in_containers = pytest.mark.needs("docker", "chromium", "cjk-fonts")


@dataclass(frozen=True)
class Example:
    """A copy of the example that was refreshed from nothing."""

    root: Path

    def gpu_doc(self, *words: str, **environ: str) -> str:
        """What a successful call prints, both streams together."""
        done = subprocess.run(
            [sys.executable, "-m", "gpu_doc", *words],
            cwd=self.root,
            env=environment(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def read(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def published(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.root / "docs").rglob("*")) if path.is_file()}

    def pictures(self, report: str) -> dict[str, Path]:
        """The pictures that a report shows, each once, without the folder that they lie in."""
        shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", self.read(report))
        return {Path(link).name: self.root / "docs" / link for link in shown}


@pytest.fixture(scope="module")
def image_of_the_example() -> str:
    """What the example's own Dockerfile makes of PyTorch's CPU build; the network stays off, so nothing is fetched."""
    recipe = (EXAMPLE / "Dockerfile").read_bytes()
    base = image("torch")
    tag = f"gpu-doc-test/pytorch-example:{sha256(recipe + base.encode()).hexdigest()[:12]}"
    with closing(docker.from_env(timeout=300)) as client:
        client.images.build(fileobj=io.BytesIO(recipe), tag=tag, buildargs={"BASE": base}, network_mode="none", rm=True)
    return tag


@pytest.fixture(scope="module")
def example(image_of_the_example: str, tmp_path_factory: pytest.TempPathFactory) -> Example:
    root = tmp_path_factory.mktemp("example") / "pytorch"
    copy_example(EXAMPLE, root)
    config = root / "gpu-doc.yml"
    text, replaced = re.subn(r"(?m)^  image: \S+$", f"  image: {image_of_the_example}", config.read_text("utf-8"))
    assert replaced == 1
    config.write_text(text, "utf-8")
    made = Example(root)
    assert "3 runs executed" in made.gpu_doc("run")  # three for both reports: they share them
    return made


def test_the_committed_reports_are_those_of_the_committed_sources(tmp_path: Path) -> None:
    # To make them anew: `docker build` of the example's Dockerfile with BASE=$(python -m tests.images.build torch), and
    # `gpu-doc run` in its folder.
    committed = Example(tmp_path / "pytorch")
    shutil.copytree(EXAMPLE, committed.root, ignore=shutil.ignore_patterns(".gpu-doc", "build", "__pycache__"))
    # Without an engine, for an image of the example's name on this machine may be another than the one that ran.
    assert "All fresh: 2 reports." in committed.gpu_doc("check", DOCKER_HOST=f"unix://{tmp_path}/no-engine")


@in_containers
def test_both_reports_are_complete(example: Example) -> None:
    english, chinese = (example.pictures(report) for report in REPORTS)
    assert len(english) >= 7
    assert {name: path.read_bytes() for name, path in english.items()} == {
        name: path.read_bytes() for name, path in chinese.items()
    }
    assert [name for name, path in english.items() if _is_blank(path)] == []
    for report in REPORTS:
        assert "docker run" in example.read(report)
        assert "| epoch | learning rate | training loss | test loss | accuracy |" in example.read(report)
    headings = [len(re.findall(r"(?m)^## ", example.read(report))) for report in REPORTS]
    assert headings[0] == headings[1]


@in_containers
def test_what_was_caused_on_purpose_is_what_the_reports_tell(example: Example) -> None:
    english, chinese = map(example.read, REPORTS)
    assert "# The loss that jumped in epoch 15" in english
    assert "in this very epoch the learning rate was 0.12 instead of 0.02, 6 times as high" in english
    assert "No jump: everything else being the same, the surge alone caused it." in english
    assert "close to normal" in english
    assert "# 第 15 轮的 loss 突升" in chinese
    assert "经查为学习率突增所致" in chinese
    assert "学习率从 0.02 变成了 0.12" in chinese
    assert "这一次 loss 没有突升。" in chinese
    assert "这说明权重初始化合理" in chinese


@in_containers
def test_the_reports_say_that_all_was_computed_on_the_cpu(example: Example) -> None:
    english, chinese = map(example.read, REPORTS)
    assert "**There was no GPU:** everything in this report was computed on the CPU." in english
    assert "本报告的所有结果都在 CPU 上算出" in chinese
    assert "torch 2.13.0+cpu" in english


@in_containers
def test_processes_and_data_loaders_work_without_a_network(example: Example) -> None:
    (log,) = example.root.glob(".gpu-doc/runs/*/terminal.log")
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text("utf-8"))
    assert "2 processes, gloo over the loopback interface, each with 8 data loader workers" in text
    assert "✓ every process ends with the same parameters" in text
    assert "Warn" not in text
    assert "--network none" in example.read(REPORTS[0])
    assert "--shm-size 1g" in example.read(REPORTS[0])


@in_containers
def test_the_network_learns(example: Example) -> None:
    (accuracy,) = example.root.glob(".gpu-doc/runs/*/produced/build/accuracy.txt")
    assert float(accuracy.read_text("utf-8")) > 0.9


@in_containers
def test_nothing_is_left_in_the_checkout(example: Example) -> None:
    assert not (example.root / "build").exists()
    assert not list(example.root.rglob("__pycache__"))


@in_containers
def test_a_second_run_has_nothing_to_do(example: Example) -> None:
    before = example.published()
    assert "All fresh: 2 reports, nothing to run." in example.gpu_doc("run")
    assert example.published() == before
    assert "All fresh: 2 reports." in example.gpu_doc("check")


@in_containers
@pytest.mark.stress  # as long as the first run
def test_the_same_numbers_come_out_again(example: Example) -> None:
    before = example.published()
    assert "3 runs executed" in example.gpu_doc("run", "--force")
    assert example.published() == before


def _is_blank(picture: Path) -> bool:
    with Image.open(picture) as opened:
        return len(opened.convert("L").getcolors() or ()) < 2
