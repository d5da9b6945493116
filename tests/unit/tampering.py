"""A published example, the quickstart, whose copies are tampered with; and what `verify` says of them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpu_doc.cli.arguments import parse
from gpu_doc.cli.call import Call
from gpu_doc.cli.doors import build_doors
from gpu_doc.console.console import Console
from gpu_doc.record import evidence
from gpu_doc.record.evidence import CHECKSUMS_SINCE
from gpu_doc.report.template import TemplateWorker
from gpu_doc.verify.findings import Verdict
from gpu_doc.verify.verify import Verifier

EXAMPLE = Path(__file__).parents[2] / "examples/quickstart"
REPORT, NOTES = "docs/report.md", "docs/notes.md"
ASSETS, EVIDENCE = "docs/report.assets", "docs/report.assets/evidence.json"
CURVE, SAMPLES = (f"{ASSETS}/baseline-{name}.png" for name in ("loss-curve-412d1102", "samples-75b07576"))


@dataclass(frozen=True)
class Copy:
    """A copy of the example."""

    root: Path
    worker: TemplateWorker

    def path(self, name: str) -> Path:
        return self.root / name

    def read(self, name: str = REPORT) -> str:
        return self.path(name).read_bytes().decode()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, name: str, before: str, after: str, count: int = 1) -> None:
        text = self.read(name)
        assert before in text, before
        self.write(name, text.replace(before, after, count))

    def evidence(self, change: Callable[[Any], object], name: str = EVIDENCE) -> None:
        """Change evidence, which is written as gpu-doc writes it, checksums apart."""
        whole = json.loads(self.read(name))
        change(whole)
        self.write(name, json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    def resum(self, name: str = EVIDENCE) -> None:
        """Make the checksums and fingerprints fit, as a forger would who knows of them."""
        whole = json.loads(self.read(name))
        for part in (whole, *whole["runs"].values(), *whole["answers"].values()):
            part.pop("checksum", None)
        if isinstance(whole["text"], list):
            whole["text"] = [block[:2] for block in whole["text"]]
        known = evidence.parse(json.dumps(whole).encode())
        assert known is not None
        self.write(name, known.to_bytes())

    def git(self, *words: str) -> None:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        if not self.path(".git").exists():
            self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "as it is")

    def verify(self, report: str = REPORT) -> Verdict:
        console = Console(io.StringIO(), io.StringIO(), interactive=False, colour=False, ci=False)
        call = Call(parse(["verify"]), console, {}, self.root)
        found = call.config()
        doors = build_doors(call, found)
        by_path = {each.path: each for each in found.reports}
        return Verifier(found, doors.machine, self.worker, doors.judge, doors.state).verify(by_path[report])


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def published(root: Path) -> Path:
    """Copy the example to a folder, with evidence in today's format."""
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".gpu-doc", "__pycache__"))
    for path in root.glob("docs/*.assets/evidence.json"):
        known = evidence.read(path)
        assert known is not None
        report = path.parent.relative_to(root).with_suffix(".md").as_posix()
        path.write_bytes(replace(known, format=max(known.format, CHECKSUMS_SINCE), report=report).to_bytes())
    return root


@contextmanager
def copies(folder: Path) -> Iterator[Callable[[str], Copy]]:
    """Give a function that makes a new copy, by a name of its own."""
    first = published(folder / "published")
    with TemplateWorker() as worker:

        def copied(name: str) -> Copy:
            shutil.copytree(first, folder / name)
            return Copy(folder / name, worker)

        yield copied
