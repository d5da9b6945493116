"""A user's repository on a git server, and a runner that refreshes and publishes its reports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.conftest import environment
from tests.integration.git_server import WRITER, GitServer, git

REPOSITORY = "octo/docs"

CONFIG = """\
reports:
  - path: docs/report.md
    template: templates/report.md.j2
    runs:
      train: {command: [sh, train.sh], depends-on: [rate.txt], produces: [rates.csv, plot.svg]}
  - path: docs/notes.md
    runs:
      count: {command: [sh, count.sh], produces: [count.csv]}
"""

FILES: dict[str, str | bytes] = {
    "gpu-doc.yml": CONFIG,
    "templates/report.md.j2": '# Report\n\n{{ table("train/file:rates.csv") }}\n\n{{ image("train/file:plot.svg") }}\n',
    "docs/notes.md": "# Notes\n\n"
    '<!-- gpu-doc: table("count/file:count.csv") -->\n<!-- gpu-doc: end -->\n\nBy a person.\n',
    "rate.txt": "0.1\n",
    "train.sh": """\
rate=$(cat rate.txt)
printf 'rate,square\\n%s,1\\n' "$rate" > rates.csv
printf '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!-- %s --></svg>' "$rate" > plot.svg
""",
    "count.sh": "printf 'count\\n1\\n' > count.csv\n",
    "other.txt": "nobody's\n",
}


@dataclass
class Runner:
    """A machine that serves the jobs of one repository. Its state lasts, its checkouts don't."""

    server: GitServer
    folder: Path
    api_url: str = "http://127.0.0.1:9"
    name: str = REPOSITORY
    python: str = sys.executable
    jobs: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    def checkout(self, *words: str, branch: str = "main") -> Path:
        """A checkout as the job's first step makes it: of the newest commit alone, without credentials."""
        self.jobs += 1
        words = words or ("--depth=1", f"--branch={branch}")
        return self.server.clone(self.name, self.folder / f"job {self.jobs}", *words)

    def run(
        self,
        checkout: Path,
        *words: str,
        code: int | None = 0,
        payload: dict[str, Any] | None = None,
        timeout: float = 120,
        event: Mapping[str, str] | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """`gpu-doc run` as a step of a job on a push to the branch that is checked out; `event` may say otherwise."""
        argv = [self.python, "-m", "gpu_doc", "run", "--state-dir", str(self.folder / "state"), *words]
        environ = environment(
            **(self.push_event(checkout, **payload or {}) | self.variables | dict(event or {}) | variables)
        )
        done = subprocess.run(
            argv, cwd=checkout, env=environ, capture_output=True, text=True, timeout=timeout, check=False
        )
        said = f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert code is None or done.returncode == code, said
        assert "Traceback" not in said
        assert WRITER not in said
        return done

    def push_event(self, checkout: Path, **payload: Any) -> dict[str, str]:
        """What the environment of a push says."""
        sha = git(checkout, "rev-parse", "HEAD")
        branch = git(checkout, "branch", "--show-current")
        written = {"before": "1" * 40, "repository": {"default_branch": "main"}} | payload
        path = self.folder / f"event {self.jobs}.json"
        path.write_text(json.dumps(written))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_REPOSITORY": self.name,
            "GITHUB_REF": f"refs/heads/{branch}" if branch else "refs/tags/v1",
            "GITHUB_SHA": sha,
            "GITHUB_SERVER_URL": self.server.address,
            "GITHUB_API_URL": self.api_url,
            "GITHUB_RUN_ID": "7",
            "INPUT_TOKEN": WRITER,
        }

    def refresh(self, mode: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A whole job: check out, refresh, publish."""
        return self.run(self.checkout(), "--publish", mode, *words, code=code)


def make(server: GitServer, folder: Path, **more: Any) -> Runner:
    """The repository, and a runner for it."""
    server.create(REPOSITORY)
    server.seed(REPOSITORY, FILES)
    return Runner(server, folder, **more)
