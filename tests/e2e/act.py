"""GitHub's runner on this machine: act runs workflows with our action as `org/gpu-doc-action@v1`, without a network.

    runner = Runner(folder)                               # fixture `runner`: a folder of the test's own
    done = runner.run(project.root, WORKFLOW, event="push", payload={...}, secrets={...}, environment={...})
    assert done.code == 0, done.log
    assert done.outputs("refresh")["changed"] == "true"   # of the step with `id: refresh`
    done.annotations, done.summary, done.jobs, done.steps, done.said("refresh")

- `project` is a git repository with a commit. Each job gets a copy of it in a new folder, from a checkout step on
  (`uses: actions/checkout@v6`). What a job leaves there goes with it, so let a step copy it: `cp -a . "$KEEP"`.
- `actions={"actions/checkout@SHA": CHECKOUT}` gives jobs a clone from GITHUB_SERVER_URL instead, as GitHub does it: of
  GITHUB_SHA, depth 1, the token in .git/config unless `persist-credentials: false`. Other folders with an `action.yml`
  stand in for other actions in the same way. All names must be those that the workflow has.
- `remote`: the repository's address on a git server; sets GITHUB_SERVER_URL and GITHUB_REPOSITORY. The API's is
  `environment={"GITHUB_API_URL": ...}`.
- Set-up of the action is paid once for a state of our files, and kept in .venv/act for later sessions.

Not like GitHub: permissions, concurrency and environments are not enforced; `runs-on` chooses nothing: every job runs
on this machine, as the user who runs the tests, in a home of the test's own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOP = Path(__file__).parents[2]
ACT = Path(sys.executable).parent / "act"
KEPT = TOP / ".venv" / "act" if " " not in str(TOP) else Path(tempfile.gettempdir()) / "gpu-doc-act"
"""Below it lies act's `tool_cache`, which is RUNNER_TOOL_CACHE. act can't do with a space in this path."""
CHECKOUT = Path(__file__).parent / "checkout"
"""A stand-in for actions/checkout, which can't be fetched here."""

LABELS = ("self-hosted", "gpu", "ubuntu-latest", "ubuntu-24.04")
_DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX", "pythonLocation", "CI", "ACT")
_DROPPED_STARTS = ("GITHUB_", "RUNNER_", "INPUT_", "ACTIONS_", "PYTEST_", "GPU_DOC_", "PYTHON", "GIT_")


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """As the runner shows it on a line of a file."""

    level: str
    message: str
    file: str
    line: int
    title: str


@dataclass(kw_only=True)
class Step:
    """One step of a job; `id` is that of the workflow, with the composite action's own step after a slash."""

    job: str
    id: str
    name: str
    result: str = ""
    """`success`, `failure` or `skipped`."""
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What act said of a workflow."""

    code: int
    log: str
    """Everything, as a person would read it."""
    steps: Sequence[Step]
    jobs: Mapping[str, str]
    """`success` or `failure` by the job's id."""
    annotations: Sequence[Annotation]
    summary: str

    def step(self, name: str) -> Step:
        """The step with an id, `refresh` or `refresh/main`; that of `job:refresh` where several jobs have one."""
        job, _, wanted = name.rpartition(":")
        [found] = [step for step in self.steps if step.id == wanted and (not job or step.job == job)]
        return found

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of a step."""
        return self.step(name).outputs

    def said(self, name: str) -> str:
        """What a step printed, a composite action's own steps included; commands that the runner took are not in it."""
        job, _, wanted = name.rpartition(":")
        mine = [s for s in self.steps if f"{s.id}/".startswith(f"{wanted}/") and (not job or s.job == job)]
        return "".join(line for step in mine for line in step.lines)


class Runner:
    """act with a home, a cache and temporary files of its own; the tool cache is everybody's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.keep = folder / "kept"
        """KEEP in jobs: for what a test wants to see of a workspace."""
        for place in (self.home, self.keep):
            place.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        repository: Path,
        workflow: str,
        *,
        event: str = "push",
        payload: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        actions: Mapping[str, Path] | None = None,
        remote: str = "",
        artifacts: int = 0,
        options: Sequence[str] = (),
    ) -> Run:
        """Run a workflow: its text, or the path of one in the repository (`.github/workflows/x.yml`).

        `artifacts` is a free port for an artifact server; `options` are further ones for act.
        """
        argv = [str(ACT), event, "--json", "--no-cache-server", "--action-cache-path", str(KEPT)]
        argv += [word for label in LABELS for word in ("-P", f"{label}=-self-hosted")]
        argv += ["-W", self._workflow(repository, workflow)]
        argv += ["-e", self._write("event.json", json.dumps(payload or PUSH))]
        argv += ["--secret-file", self._write("secrets", _pairs({"GITHUB_TOKEN": TOKEN, **(secrets or {})}))]
        argv += [word for name, value in (inputs or {}).items() for word in ("--input", f"{name}={value}")]
        local = {"org/gpu-doc-action@v1": our_action(), **(actions or {})}
        argv += [word for name, folder in local.items() for word in ("--local-repository", f"{name}={folder}")]
        argv += ["--no-skip-checkout"] if any(name.startswith("actions/checkout@") for name in local) else []
        if artifacts:
            argv += ["--artifact-server-path", str(self.folder / "artifacts"), "--artifact-server-addr", "127.0.0.1"]
            argv += ["--artifact-server-port", str(artifacts)]
        given = {"KEEP": str(self.keep), **_addresses(remote), **(environment or {})}
        argv += [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
        done = subprocess.run(
            [*argv, *options], cwd=repository, env=self._environment(), capture_output=True, text=True, check=False
        )
        return _parsed(done)

    def _workflow(self, repository: Path, workflow: str) -> str:
        if "\n" not in workflow:
            return str(repository / workflow)
        return self._write("workflow.yml", workflow)

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return str(path)

    def _environment(self) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if n not in _DROPPED and not n.startswith(_DROPPED_STARTS)}
        cache = self.folder / "cache"
        return {**kept, "HOME": str(self.home), "XDG_CACHE_HOME": str(cache), "GIT_CONFIG_NOSYSTEM": "1"}


TOKEN = "ghs_tokenOfTheJob0123456789abcdefghijklm"
PUSH: Mapping[str, Any] = {"ref": "refs/heads/main", "repository": {"default_branch": "main"}}


def commit(folder: Path) -> None:
    """Make a folder a repository, with all that is in it in one commit on `main`."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-qb", "main"], ["add", "--all"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


@cache
def our_action() -> Path:
    """A folder with our files as they are now, committed or not, set up: what GitHub would download."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = _copied(TOP, KEPT / "action")
        _set_up(folder)
    return folder


def _copied(top: Path, target: Path) -> Path:
    """One copy for all: only what changed is written, by a rename, since another act may be reading."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(listed, cwd=top, capture_output=True, check=True)
    names = {name for name in os.fsdecode(listing.stdout).split("\0") if name and (top / name).is_file()}
    for name in names:
        source, copy = top / name, target / name
        if not copy.exists() or (source.stat().st_mtime_ns, source.stat().st_size) != _stamp(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target.with_suffix(".new"))
            target.with_suffix(".new").replace(copy)
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.relative_to(target).as_posix() not in names:
            path.unlink()
    return target


def _stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_mtime_ns, path.stat().st_size


def _set_up(action: Path) -> None:
    """With the packages that this machine gets: jobs run with another home, where nothing says from where."""
    tools = KEPT / "tool_cache"
    environ = {**os.environ, "RUNNER_TOOL_CACHE": str(tools), "RUNNER_TEMP": str(KEPT), "GITHUB_OUTPUT": ""}
    argv = [str(action / "scripts/action"), "set-up"]
    done = subprocess.run(argv, cwd=tools.parent, env=environ, capture_output=True, text=True, check=False)
    assert "`action` is what the actions call" in done.stderr, done.stdout + done.stderr  # so the program is there
    for program in tools.glob("gpu-doc/*/program-*"):
        if program.stat().st_mtime < time.time() - 3600:  # of files that we had an hour ago
            shutil.rmtree(program)


def _addresses(remote: str) -> dict[str, str]:
    """`http://127.0.0.1:8090/octo/reports.git` in two."""
    if not remote:
        return {"GITHUB_REPOSITORY": "octo/reports"}
    parts = urlsplit(remote)
    name = parts.path.strip("/").removesuffix(".git")
    return {"GITHUB_SERVER_URL": f"{parts.scheme}://{parts.netloc}", "GITHUB_REPOSITORY": name}


def _pairs(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={json.dumps(value)}\n" for name, value in values.items())


# --- what act says ---------------------------------------------------------------------------------------------------


def _parsed(done: subprocess.CompletedProcess[str]) -> Run:
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    steps: dict[tuple[str, str], Step] = {}
    for event in events:
        _read(event, steps)
    top = [event for event in events if len(event.get("stepID", ())) == 1]
    return Run(
        code=done.returncode,
        log="".join(_line(event) for event in events) + done.stderr,
        steps=list(steps.values()),
        jobs={event["jobID"]: event["jobResult"] for event in events if "jobResult" in event},
        annotations=[_annotation(event) for event in events if event.get("command") in ("error", "warning", "notice")],
        summary="".join(event["content"] for event in top if event.get("command") == "summary"),
    )


def _read(event: Mapping[str, Any], steps: dict[tuple[str, str], Step]) -> None:
    if "stepID" not in event or event.get("stage") != "Main":
        return
    key = (event["jobID"], "/".join(event["stepID"]))
    step = steps.setdefault(key, Step(job=key[0], id=key[1], name=event["step"]))
    if event.get("raw_output"):
        step.lines.append(event["msg"])
    if event.get("command") == "set-output":
        step.outputs[event["name"]] = event["arg"]
    if "stepResult" in event:
        step.result = event["stepResult"]
        step.seconds = event.get("executionTime", 0) / 1e9


def _annotation(event: Mapping[str, Any]) -> Annotation:
    where = event.get("kvPairs") or {}
    return Annotation(
        level=event["command"],
        message=event["arg"],
        file=where.get("file", ""),
        line=int(where.get("line") or 0),
        title=where.get("title", ""),
    )


def _line(event: Mapping[str, Any]) -> str:
    text = str(event.get("msg", "")).rstrip("\n")
    return f"[{event['jobID']}] {text}\n" if "jobID" in event else f"{text}\n"
