"""What is checked out must be what is published to, and what could be made again from it: else nothing runs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.publishing import CONFIG, REPOSITORY, Runner, make
from tests.integration.git_server import GitServer, git, git_server

__all__ = ["git_server"]
pytestmark = pytest.mark.needs("git")

COMMIT = ("--publish", "commit")


@pytest.fixture
def runner(git_server: GitServer, tmp_path: Path) -> Runner:
    return make(git_server, tmp_path)


def refused(runner: Runner, job: Path, *words: str, code: int = 2, event: Mapping[str, str] | None = None) -> str:
    """Nothing runs, and nothing is pushed."""
    before = len(runner.server.pushes())
    done = runner.run(job, *(words or COMMIT), code=code, event=event)
    assert "started" not in done.stderr
    assert "executed" not in done.stdout
    assert len(runner.server.pushes()) == before
    return done.stderr


def on_main(runner: Runner, event: str) -> dict[str, str]:
    """What the environment says of an event on the newest commit of main."""
    tip = str(runner.server.tip(REPOSITORY))
    return {"GITHUB_EVENT_NAME": event, "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": tip, "GITHUB_JOB": "x"}


def test_an_older_commit_is_not_published_to_the_branch(runner: Runner, git_server: GitServer) -> None:
    git(git_server.path(REPOSITORY), "tag", "v1", "main")
    git_server.seed(REPOSITORY, {"other.txt": "newer\n"})
    job = runner.checkout("--depth=1", "--branch=v1")
    said = refused(runner, job, event=on_main(runner, "schedule"))
    assert "an older commit of `main` is checked out" in said
    assert "--base" in said
    # Who says that the results are for main means it.
    runner.run(job, *COMMIT, "--base", "main", event=on_main(runner, "schedule"))
    assert "docs/report.md" in git_server.files(REPOSITORY)


def test_a_branch_that_moved_on_since_the_event_is_the_branch_all_the_same(
    runner: Runner, git_server: GitServer
) -> None:
    event = on_main(runner, "schedule")
    git_server.seed(REPOSITORY, {"other.txt": "newer\n"})
    job = runner.checkout()  # as with `ref: main`
    git_server.seed(REPOSITORY, {"other.txt": "newest\n"})
    runner.run(job, *COMMIT, event=event)
    assert "docs/report.md" in git_server.files(REPOSITORY)


def test_a_pull_requests_code_is_not_published_to_the_branch_that_an_event_is_on(
    runner: Runner, git_server: GitServer
) -> None:
    served, fork = git_server.path(REPOSITORY), runner.checkout("--branch=main")
    (fork / "rate.txt").write_text("6.66\n")
    git(fork, "commit", "-q", "-a", "-m", "a stranger's")
    git(fork, "push", "-q", str(served), "HEAD:refs/pull/7/head")
    job = runner.checkout("--branch=main")
    git(job, "fetch", "-q", str(served), "refs/pull/7/head")
    git(job, "checkout", "-q", "--detach", "FETCH_HEAD")
    for event in ("issue_comment", "workflow_dispatch", "schedule", "push"):
        refused(runner, job, event=on_main(runner, event))
    # The same commit on a branch is the repository's own.
    git(served, "branch", "side", "refs/pull/7/head")
    said = refused(runner, job, event=on_main(runner, "workflow_dispatch"))
    assert "a commit that the branch `main` does not have is checked out" in said
    runner.run(job, *COMMIT, "--base", "side", event=on_main(runner, "workflow_dispatch"))
    assert "6.66" in git_server.show(REPOSITORY, "docs/report.md", "side").decode()


def test_another_repositorys_checkout_is_not_published_to_ours(runner: Runner, git_server: GitServer) -> None:
    git_server.create("octo/other")
    git_server.seed("octo/other", {path: git_server.show(REPOSITORY, path) for path in git_server.files(REPOSITORY)})
    job = runner.checkout()
    other = git_server.clone("octo/other", job / "other", "--depth=1")
    said = refused(runner, other, event=on_main(runner, "push"))
    assert "a checkout of octo/other is here, and this job publishes to octo/docs" in said
    hosted = on_main(runner, "push") | {"RUNNER_ENVIRONMENT": "github-hosted"}
    refused(runner, other, event=hosted)
    runner.run(other, "--publish", "none", event=hosted)
    # Letters may be small or large, and what the machine's settings make of an address is ours too.
    git(job, "remote", "set-url", "origin", f"{git_server.address}/Octo/DOCS")
    runner.run(job, *COMMIT)


def test_what_is_not_committed_is_refused(runner: Runner, git_server: GitServer) -> None:
    git_server.seed(
        REPOSITORY,
        {
            "gpu-doc.yml": CONFIG.replace(
                "depends-on: [rate.txt]", "depends-on: [rate.txt, 'more/**/*.txt', rates.csv]"
            ),
            "more/a.txt": "a\n",
            ".gitignore": "*.generated.txt\n",
        },
    )
    job = runner.checkout()
    clean = {name: (job / name).read_text() for name in ("gpu-doc.yml", "templates/report.md.j2", "rate.txt")}
    for name, text in clean.items():
        (job / name).write_text(f"{text}\n# more\n")
        said = refused(runner, job)
        assert f"not committed: `{name}`" in said
        (job / name).write_text(text)
    (job / "more/new.txt").write_text("new\n")
    assert "not committed: `more/new.txt`" in refused(runner, job)
    (job / "more/a.txt").rename(job / "more/b.generated.txt")
    (job / "more/new.txt").unlink()
    assert "not committed: `more/a.txt`" in refused(runner, job), "the run would not have it"
    (job / "more/b.generated.txt").rename(job / "more/a.txt")
    (job / "more/new.txt").write_text("new\n")
    (job / "more/new.txt").rename(job / "more/new.generated.txt")
    (job / "other.txt").write_text("of no concern")
    (job / "rates.csv").write_text("as a run before left it")
    (job / "more/__pycache__").mkdir()
    (job / "more/__pycache__/a.txt").write_text("compiled")
    runner.run(job, *COMMIT)
    # What a run or a refresh wrote itself is nobody's work.
    runner.run(job, *COMMIT, "--force")


def test_a_report_that_no_commit_of_ours_can_hold_is_refused(
    runner: Runner, git_server: GitServer, tmp_path: Path
) -> None:
    git_server.create("octo/sub")
    git_server.seed("octo/sub", {"readme": "x"})
    person = git_server.clone(REPOSITORY, tmp_path / "person")
    git(person, "submodule", "add", "-q", str(git_server.path("octo/sub")), "docs/sub")
    (person / "gpu-doc.yml").write_text(CONFIG.replace("docs/report.md", "docs/sub/report.md"))
    git(person, "commit", "-q", "-a", "-m", "a submodule")
    git(person, "push", "-q", str(git_server.path(REPOSITORY)), "HEAD:main")
    for words in (("--branch=main",), ("--branch=main", "--recurse-submodules")):
        said = refused(runner, runner.checkout(*words))
        assert "this report lies in another repository, the submodule `docs/sub`" in said
    (person / "gpu-doc.yml").write_text(CONFIG.replace("docs/report.md", "away/report.md"))
    (person / "away").symlink_to("/srv")
    git(person, "add", "-A")
    git(person, "commit", "-q", "-m", "a link")
    git(person, "push", "-q", str(git_server.path(REPOSITORY)), "HEAD:main")
    assert "a link leads out of the repository" in refused(runner, runner.checkout(), code=4)


OWN = {"GITHUB_ACTIONS": "", "INPUT_TOKEN": "", "GH_TOKEN": "", "GITHUB_TOKEN": ""}


def own_checkout(runner: Runner, remote: str) -> Path:
    """A person's clone, with a remote of their own."""
    job = runner.checkout("--branch=main")
    for words in (
        ("remote", "set-url", "origin", remote),
        ("config", "user.name", "A"),
        ("config", "user.email", "a@b"),
    ):
        git(job, *words)
    return job


def test_on_ones_own_machine_the_remote_is_gits_and_has_what_is_checked_out(
    runner: Runner, git_server: GitServer, tmp_path: Path
) -> None:
    remote = tmp_path / "a remote.git"
    remote.symlink_to(git_server.path(REPOSITORY))
    job = own_checkout(runner, "../a remote.git")
    git(job, "commit", "-q", "--allow-empty", "-m", "not pushed")
    said = refused(runner, job, event=OWN)
    assert "a commit that the branch `main` does not have is checked out" in said
    git(job, "push", "-q", "origin", "main")
    runner.run(job, *COMMIT, event=OWN)
    assert "docs/report.md" in git_server.files(REPOSITORY)


@pytest.mark.needs("root")
def test_a_checkout_of_another_user_is_refused_in_gits_words(runner: Runner, git_server: GitServer) -> None:
    job = own_checkout(runner, str(git_server.path(REPOSITORY)))
    subprocess.run(["chown", "-R", "12345:12345", str(job)], check=True)
    said = refused(runner, job, code=4, event=OWN)
    assert "the checkout belongs to another user" in said
    assert f"git config --global --add safe.directory '{job}'" in said
    # A job's container on a runner is often another user than who checked out.
    runner.run(job, *COMMIT, event=on_main(runner, "push"))
    assert "docs/report.md" in git_server.files(REPOSITORY)
