"""What a pull request's run leaves is never published by a push, whatever the event says is checked out."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpu_doc.execution.containers.recipe import WORKSPACE
from tests.e2e.publishing import REPOSITORY, Runner
from tests.integration.engines import image
from tests.integration.git_server import GitServer, git, git_server

__all__ = ["git_server"]
pytestmark = pytest.mark.needs("git")

FILES: dict[str, str | bytes] = {
    "gpu-doc.yml": """\
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      size: {command: [sh, size.sh], depends-on: [size.txt], produces: [size.csv]}
""",
    "report.md.j2": '{{ table("size/file:size.csv") }}\n',
    "size.txt": "1\n",
    "tune.cfg": "1\n",
    # tune.cfg is read and declared nowhere: a fingerprint doesn't know of it.
    "size.sh": "printf 'size\\n%s\\n' $(($(cat size.txt) * $(cat tune.cfg))) > size.csv\n",
}
STRANGER = "stranger/docs"


@dataclass
class Scene:
    """A repository with a pull request, and the one runner that serves both."""

    server: GitServer
    runner: Runner

    def head(self, files: dict[str, str | bytes], *, fork: bool = False) -> str:
        """The pull request's newest commit, as number 7: on a branch of ours, or on a fork's alone."""
        tip = self.server.tip(REPOSITORY) or ""
        place = self.server.path(REPOSITORY)
        git(place, "update-ref", "refs/heads/feature", tip)
        head = self.server.seed(REPOSITORY, files, branch="feature")
        git(place, "update-ref", "refs/pull/7/head", head)
        if fork:
            git(place, "update-ref", "-d", "refs/heads/feature")
        return head

    def checkout(self, *, reference: str) -> Path:
        """A checkout of any reference, as actions/checkout leaves it: one commit, on no branch."""
        job = self.runner.checkout()
        git(job, "fetch", "-q", "--depth=1", str(self.server.path(REPOSITORY)), reference)
        git(job, "checkout", "-q", "--detach", "FETCH_HEAD")
        return job

    def pull_request(self, *words: str, fork: bool = False, code: int = 0, base: str = "") -> str:
        """The job of the pull request's own event, with its head checked out; gives what it said."""
        job = self.checkout(reference="refs/pull/7/head")
        head = git(job, "rev-parse", "HEAD")
        theirs = {"ref": "feature", "sha": head, "repo": {"full_name": STRANGER if fork else REPOSITORY}}
        ours = {"ref": "main", "sha": base or self.server.tip(REPOSITORY), "repo": {"full_name": REPOSITORY}}
        payload: dict[str, Any] = {"pull_request": {"number": 7, "head": theirs, "base": ours}}
        done = self.runner.run(
            job,
            *("--publish", "none", *words),
            code=code,
            payload=payload,
            GITHUB_EVENT_NAME="pull_request",
            GITHUB_REF="refs/pull/7/merge",
            GITHUB_SHA="2" * 40,
        )
        return done.stdout + done.stderr

    def elsewhere(self, event: str, reference: str, *words: str, code: int = 0, **payload: Any) -> str:
        """The job of an event that runs on main, with something else checked out."""
        job = self.checkout(reference=reference)
        variables = {
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": self.server.tip(REPOSITORY) or "",
        }
        done = self.runner.run(job, "--publish", "none", *words, code=code, payload=payload, event=variables)
        return done.stdout + done.stderr

    def push(self) -> str:
        """The job of a push to main; gives what it said."""
        done = self.runner.refresh("commit")
        return done.stdout + done.stderr

    def published(self) -> str:
        """The number that the report of main shows."""
        found: list[str] = re.findall(r"\d+", self.server.show(REPOSITORY, "docs/report.md").decode())
        return found[-1]

    def made(self) -> dict[str, Any]:
        evidence = json.loads(self.server.show(REPOSITORY, "docs/report.assets/evidence.json"))
        return dict(evidence["runs"]["size"]["made"])

    def layers(self) -> list[str]:
        return sorted(path.parent.parent.name for path in (self.runner.folder / "state/layers").glob("*/runs/*"))


@pytest.fixture
def scene(git_server: GitServer, tmp_path: Path) -> Scene:
    git_server.create(REPOSITORY)
    git_server.seed(REPOSITORY, FILES)
    return Scene(git_server, Runner(git_server, tmp_path))


def test_a_push_runs_again_what_a_pull_request_ran_with_other_undeclared_files(scene: Scene) -> None:
    scene.head({"size.txt": "2\n", "tune.cfg": "100\n"})
    assert "1 run executed" in scene.pull_request()
    assert "1 run executed" not in scene.pull_request(), "its own result is there for its next commit"
    assert scene.layers() == ["pull-request-7"]
    merged = scene.server.seed(REPOSITORY, {"size.txt": "2\n"})
    assert "1 run executed" in scene.push()
    assert (scene.published(), scene.made()["commit"]) == ("2", merged)
    # A pull request reads what main's run left, and adds nothing to it.
    scene.head({"docs/other.md": "A word.\n", "report.md.j2": 'New:\n\n{{ table("size/file:size.csv") }}\n'})
    assert "1 run executed" not in scene.pull_request()
    assert scene.layers() == ["branch-main", "pull-request-7"]


def test_a_pull_request_and_a_push_at_once_keep_their_own(scene: Scene) -> None:
    """For one fingerprint, on one state, begun in the same moment."""
    scene.head({"size.txt": "2\n", "tune.cfg": "100\n"})
    scene.server.seed(REPOSITORY, {"size.txt": "2\n"})
    other = Scene(scene.server, Runner(scene.server, scene.runner.folder, jobs=100))
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(other.pull_request), pool.submit(scene.push)]
        ran = ["1 run executed" in job.result() for job in jobs]
    # Whichever comes first: the push runs, and the pull request does so too or reads what the push left.
    assert ran[1]
    assert scene.layers() == ["branch-main", *["pull-request-7"] * ran[0]]
    assert scene.published() == "2"


def test_a_result_that_a_script_puts_into_state_is_never_published(scene: Scene) -> None:
    scene.head({"size.txt": "3\n", "tune.cfg": "100\n"})
    scene.pull_request()
    scene.head({"size.txt": "4\n"})
    state = scene.runner.folder / "state/layers"
    [left] = (state / "pull-request-7/runs").iterdir()
    scene.pull_request()
    [other] = {*(state / "pull-request-7/runs").iterdir()} - {left}
    # As main's own, for the same fingerprint and for another one; and with a record to its content.
    for name in (left.name, other.name):
        shutil.copytree(left, state / "branch-main/runs" / name)
    scene.server.seed(REPOSITORY, {"size.txt": "3\n"})
    assert "1 run executed" in scene.push()
    assert scene.published() == "3"
    forged = state / "branch-main/runs" / other.name
    (forged / "produced/size.csv").write_text("size\n666\n")
    record = json.loads((forged / "record.json").read_text())
    (forged / "record.json").write_text(json.dumps(record | {"files": {}}))
    scene.server.seed(REPOSITORY, {"size.txt": "4\n"})
    assert "1 run executed" in scene.push()
    assert scene.published() == "4"


@pytest.mark.full
def test_projects_that_share_a_folder_of_state_have_each_its_own_results(scene: Scene) -> None:
    """Another repository, and another folder of this one, with the same fingerprint and other undeclared files."""
    other = "octo/other"
    scene.server.create(other)
    scene.server.seed(other, FILES | {"tune.cfg": "9\n"})
    theirs = Runner(scene.server, scene.runner.folder, name=other, jobs=100)
    theirs.run(theirs.checkout(), "--publish", "commit")
    assert "1 run executed" in scene.push()
    assert scene.published() == "1"
    below = {f"sub/{path}": content for path, content in FILES.items()}
    scene.server.seed(REPOSITORY, below | {"sub/tune.cfg": "7\n"})
    assert "1 run executed" in scene.runner.run(scene.runner.checkout() / "sub", "--publish", "commit").stdout
    assert b"7" in scene.server.show(REPOSITORY, "sub/docs/report.md")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issue_comment", {"issue": {"number": 7, "pull_request": {"url": "x"}}}),
        pytest.param("workflow_dispatch", {}, marks=pytest.mark.full),
        pytest.param("schedule", {}, marks=pytest.mark.full),
    ],
)
def test_a_strangers_commit_is_refused_on_every_event(scene: Scene, event: str, payload: dict[str, Any]) -> None:
    head = scene.head({"size.txt": "5\n", "tune.cfg": "100\n"}, fork=True)
    said = scene.elsewhere(event, "refs/pull/7/head", code=2, **payload)
    assert f"no branch or tag of {REPOSITORY} has the commit {head[:12]}" in said
    assert "allow-forks" in said
    said = scene.elsewhere(event, "refs/pull/7/head", "--allow-forks", "--publish", "commit", **payload)
    assert "nothing is published for a commit that no branch or tag of the repository has" in said
    assert scene.layers() == [f"unknown-{head}"]


def test_what_else_is_checked_out_has_a_layer_of_its_own(scene: Scene) -> None:
    git(scene.server.path(REPOSITORY), "update-ref", "refs/tags/v1", scene.server.tip(REPOSITORY) or "")
    scene.server.seed(REPOSITORY, {"tune.cfg": "100\n"})
    scene.elsewhere("schedule", "refs/tags/v1")
    scene.head({"size.txt": "6\n"})
    scene.elsewhere("workflow_dispatch", "refs/pull/7/head")  # which is a branch of ours
    payload = {"merge_group": {"base_ref": "refs/heads/main", "head_sha": scene.server.tip(REPOSITORY)}}
    queue = "refs/heads/gh-readonly-queue/main/pr-7-1"
    done = scene.runner.run(
        scene.checkout(reference="refs/heads/main"),
        *("--publish", "commit"),
        payload=payload,
        GITHUB_EVENT_NAME="merge_group",
        GITHUB_REF=queue,
    )
    assert "nothing is published for a merge queue" in done.stderr
    quoted = queue.replace("/", "%2F")
    assert scene.layers() == ["branch-feature", f"merge-queue-{quoted}", "tag-v1"]
    assert "1 run executed" in scene.push()
    assert scene.published() == "100"


def test_a_checkout_that_a_step_changed_leaves_nothing_to_the_branch(scene: Scene) -> None:
    job = scene.runner.checkout()
    (job / "tune.cfg").write_text("100\n")
    scene.runner.run(job, "--publish", "none")
    assert scene.layers() == ["branch-main+changes"]
    scene.push()
    assert scene.published() == "1"


def test_isolation_comes_from_the_base_of_a_pull_request(scene: Scene) -> None:
    """Without a container here: `env` decides what a local run is told as well."""
    echo = "printf 'size\\n%s\\n' \"${SECRET_OF_OURS_TOKEN:-nothing} $OUR_WORD\" > size.csv\n"
    config = str(FILES["gpu-doc.yml"]).replace("produces", "env: [SECRET_OF_OURS_TOKEN], secrets: [OUR_WORD], produces")
    scene.head({"size.sh": echo, "gpu-doc.yml": config}, fork=True)
    scene.runner.variables |= {"SECRET_OF_OURS_TOKEN": "taken", "OUR_WORD": "a word of ours"}
    said = scene.pull_request("--allow-forks", fork=True)
    assert "the run size of docs/report.md has `env`, `secrets` as main has it" in said
    [left] = (scene.runner.folder / "state/layers/fork-7/runs").glob("*/produced/size.csv")
    assert left.read_text() == "size\nnothing ***\n", "what it calls a secret is redacted all the same"
    # A commit of the base that nobody has any more: what its branch is at now says the same.
    assert "`secrets` as main has it" in scene.pull_request("--allow-forks", fork=True, base="3" * 40)
    # Where the base can't be had at all, nothing runs.
    scene.runner.variables["INPUT_TOKEN"] = "ghs_wrong"
    said = scene.pull_request("--allow-forks", fork=True, code=2, base="3" * 40)
    assert "isolation comes from its base" in said


@pytest.mark.needs("docker")
def test_a_fork_can_not_leave_the_bases_container(scene: Scene) -> None:
    inside = "printf 'size\\n%s\\n' \"$PWD$(test -e /run/docker.sock && echo ' and the socket')\" > size.csv\n"
    contained = str(FILES["gpu-doc.yml"]).replace("reports:", f"defaults: {{image: '{image('bare')}'}}\nreports:")
    scene.server.seed(REPOSITORY, {"gpu-doc.yml": contained, "size.sh": inside})
    own = str(FILES["gpu-doc.yml"]).replace("produces", "user: image, caches: {X: /run}, produces")
    scene.head({"gpu-doc.yml": own}, fork=True)
    said = scene.pull_request("--allow-forks", fork=True)
    assert "has `image`, `user`, `caches` as main has it" in said
    [left] = (scene.runner.folder / "state/layers/fork-7/runs").glob("*/produced/size.csv")
    assert left.read_text() == f"size\n{WORKSPACE}\n"
    # No configuration at all may say so.
    scene.server.seed(REPOSITORY, {"gpu-doc.yml": contained.replace("produces", "caches: {X: /run}, produces")})
    said = scene.runner.refresh("commit", code=2).stderr
    assert "gpu-doc.yml:" in said
    assert "`caches`: /run is /run" in said
