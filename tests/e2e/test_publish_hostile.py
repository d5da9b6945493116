"""Publishing among people: unsaved work, merges, reverts, slow runs, and branches other than those one thinks of."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_doc.model.configuration import Publish
from gpu_doc.record import evidence
from gpu_doc.trust import admission
from tests.e2e.conftest import environment
from tests.e2e.publishing import CONFIG, REPOSITORY, Runner, make
from tests.e2e.test_publish_pull_request import BRANCH, pulls, writes
from tests.integration.git_server import GitServer, git, git_server
from tests.standin.fixtures import github_api
from tests.standin.server import StandIn
from tests.unit.test_publishing_target import PULL_REQUEST

__all__ = ["git_server", "github_api"]
pytestmark = [pytest.mark.full, pytest.mark.needs("git", "node")]


@pytest.fixture
def runner(git_server: GitServer, github_api: StandIn, tmp_path: Path) -> Runner:
    return make(git_server, tmp_path, api_url=github_api.address)


def person(runner: Runner, branch: str = "main") -> Path:
    """A person's clone, which pushes past all rights."""
    clone = runner.server.clone(REPOSITORY, runner.folder / f"person {len(list(runner.folder.iterdir()))}")
    git(clone, "checkout", "-q", branch)
    git(clone, "remote", "set-url", "--push", "origin", str(runner.server.path(REPOSITORY)))
    return clone


def test_what_a_person_has_not_committed_is_neither_overwritten_nor_published(
    runner: Runner, git_server: GitServer
) -> None:
    runner.refresh("pull-request")
    job = runner.checkout()
    notes = job / "docs/notes.md"
    notes.write_text(notes.read_text() + "\nNot saved yet.\n")
    runner.run(job, "--publish", "pull-request")
    assert "Not saved yet." in notes.read_text()
    runner.run(job, "--publish", "commit")
    assert "Not saved yet." in notes.read_text()
    published = git_server.show(REPOSITORY, "docs/notes.md").decode()
    assert "| 1 |" in published.replace("  ", " ")
    assert "Not saved yet." not in published


def test_what_was_pushed_while_a_run_went_on_is_refreshed_after_it(runner: Runner, git_server: GitServer) -> None:
    job = runner.checkout()
    between = git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.run(job, "--publish", "commit")
    assert "0.1" in git_server.show(REPOSITORY, "docs/report.md").decode()
    runner.run(runner.checkout(), "--publish", "commit", payload={"before": between})
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md").decode()


def test_results_of_one_branch_are_not_taken_for_anothers(runner: Runner, git_server: GitServer) -> None:
    head = git_server.seed(REPOSITORY, {"rate.txt": "0.5\n"}, branch="feature")
    job = runner.checkout("--no-single-branch", "--branch=main")
    said = runner.run(job, "--publish", "commit", code=2, GITHUB_REF="refs/heads/other", GITHUB_SHA="1" * 40).stderr
    assert "`main` is checked out, and the job runs on `other`" in said
    assert "`--base main`, or the action's input `base`" in said
    git(job, "checkout", "-q", "--detach")
    git(job, "merge", "-q", "--no-ff", "--allow-unrelated-histories", "-X", "theirs", "-m", "a try", head)
    one = {"repo": {"full_name": REPOSITORY}}
    payload = {
        "pull_request": {"number": 7, "head": {"ref": "feature", "sha": head, **one}, "base": {"ref": "main", **one}}
    }
    runner.variables = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge"}
    said = runner.run(job, "--publish", "commit", code=2, payload=payload).stderr
    assert "merge" in said
    assert "github.head_ref" in said
    assert git_server.pushes() == []


def test_nothing_is_published_for_a_pull_request_of_our_own() -> None:
    ours = replace(PULL_REQUEST, head_branch="gpu-doc/refresh-main")
    assert admission.mode_for("commit", Publish(), ours)[0] == "none"
    assert admission.mode_for("pull-request", Publish(), ours)[0] == "none"


BROKEN_OFF = """
import sys
from pathlib import Path
from gpu_doc.cli import main as cli
from gpu_doc.refresh import publishing

def second(*words):
    assert "0.1" in Path("docs/report.md").read_text()
    raise KeyboardInterrupt

publishing.plan = second  # the second plan: the first one is the command's
cli.main(sys.argv[1:])
"""


def test_a_plan_that_is_broken_off_leaves_the_checkout_as_it_was(runner: Runner) -> None:
    runner.refresh("pull-request")
    job = runner.checkout()
    before = set(job.rglob("[!.]*"))
    words = ["plan", "--publish", "pull-request", "--state-dir", str(runner.folder / "empty")]
    argv = [sys.executable, "-c", BROKEN_OFF, *words]
    environ = environment(**runner.push_event(job))
    done = subprocess.run(argv, cwd=job, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert git(job, "status", "--porcelain", "--ignored") == ""
    assert {path for path in job.rglob("[!.]*") if ".git" not in path.parts} <= before


def test_evidence_with_names_that_no_file_can_have_counts_as_absent() -> None:
    for name in ("\ud800", "a" * 300):
        file = {name: {"sha256": "", "made-from": ""}}
        whole = {"format": 1, "sources": {}, "settings": {}, "runs": {}, "answers": {}, "text": "", "files": file}
        assert evidence.parse(json.dumps(whole).encode()) is None


def test_updating_the_branch_twice_and_closing_is_heeded(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request")
    for number in range(2):
        git_server.seed(REPOSITORY, {"other.txt": f"more {number}"})
        clone = person(runner, BRANCH)
        git(clone, "merge", "-q", "--no-edit", "origin/main")
        git(clone, "push", "-q", "origin", f"HEAD:{BRANCH}")
    [opened] = pulls(github_api)
    opened.head_sha = str(git_server.tip(REPOSITORY, BRANCH))
    opened.close()
    before = writes(github_api)
    assert "was closed; it is opened again when they change" in runner.refresh("pull-request").stderr
    assert writes(github_api) == before
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()


def test_results_that_were_merged_and_reverted_are_offered_again(runner: Runner, github_api: StandIn) -> None:
    runner.refresh("pull-request")
    clone = person(runner)
    git(clone, "merge", "-q", "--no-ff", "-m", "merged", f"origin/{BRANCH}")
    git(clone, "revert", "-m", "1", "--no-edit", "HEAD")
    git(clone, "push", "-q", "origin", "main")
    [opened] = pulls(github_api)
    opened.merged = "2026-01-01T00:00:00Z"
    opened.close()
    runner.refresh("pull-request")
    assert [each.state for each in pulls(github_api)] == ["closed", "open"]


def test_a_run_from_before_leaves_a_newer_ones_pull_request_alone(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("commit")
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    slow = runner.checkout()
    git_server.seed(REPOSITORY, {"docs/report.md": "# By hand\n", "rate.txt": "0.3\n"})
    runner.refresh("pull-request")
    tip = git_server.tip(REPOSITORY, BRANCH)
    assert "0.3" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()
    said = runner.run(slow, "--publish", "pull-request").stderr
    assert "a newer run has published it already" in said
    assert (git_server.tip(REPOSITORY, BRANCH), [each.state for each in pulls(github_api)]) == (tip, ["open"])


def test_auto_ends_its_pull_request_when_it_may_commit_again(
    runner: Runner, git_server: GitServer, github_api: StandIn, tmp_path: Path
) -> None:
    hook = 'while read old new ref; do [ "$ref" != refs/heads/main ] || { echo "error: GH006: Protected branch update'
    git_server.hook(REPOSITORY, f'{hook} failed for refs/heads/main." >&2; exit 1; }}; done')
    runner.refresh("auto")
    other = Runner(git_server, tmp_path / "other", api_url=github_api.address)
    other.folder.mkdir()
    assert "started" not in other.refresh("auto").stderr  # what the pull request holds is taken over
    assert [each.state for each in pulls(github_api)] == ["open"]
    git_server.hook(REPOSITORY, "exit 0")
    runner.refresh("auto")
    assert "0.1" in git_server.show(REPOSITORY, "docs/report.md").decode()
    assert [each.state for each in pulls(github_api)] == ["closed"]
    assert git_server.tip(REPOSITORY, BRANCH) is None


def test_a_configuration_that_is_a_link(runner: Runner, git_server: GitServer, tmp_path: Path) -> None:
    (tmp_path / "shared.yml").write_text(CONFIG)
    clone = person(runner)
    (clone / "gpu-doc.yml").unlink()
    (clone / "gpu-doc.yml").symlink_to(tmp_path / "shared.yml")
    git(clone, "commit", "-q", "-a", "-m", "a link")
    git(clone, "push", "-q")
    job = runner.checkout()
    runner.run(job, "--publish", "commit")
    assert "docs/report.md" in git_server.files(REPOSITORY)


def test_evidence_that_git_ignores_is_published_all_the_same(runner: Runner, git_server: GitServer) -> None:
    runner.refresh("commit")
    person_ = person(runner)
    git(person_, "rm", "-q", "-r", "--cached", "docs/report.assets", "docs/notes.assets")
    (person_ / ".gitignore").write_text("*.assets/\n")
    git(person_, "add", ".gitignore")
    git(person_, "commit", "-q", "-m", "no assets")
    git(person_, "push", "-q", "origin", "main")
    runner.refresh("commit")
    assert "docs/report.assets/evidence.json" in git_server.files(REPOSITORY)
