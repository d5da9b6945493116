"""Results committed to a branch of a real git server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.publishing import REPOSITORY, Runner, make
from tests.integration.git_server import GitServer, git, git_server

__all__ = ["git_server"]
pytestmark = pytest.mark.needs("git")


@pytest.fixture
def runner(git_server: GitServer, tmp_path: Path) -> Runner:
    return make(git_server, tmp_path)


def test_only_our_files_are_committed_and_a_second_run_does_nothing(runner: Runner, git_server: GitServer) -> None:
    before = set(git_server.files(REPOSITORY))
    job = runner.checkout()
    (job / "other.txt").write_text("dirty")
    (job / "staged.txt").write_text("staged")
    git(job, "add", "staged.txt")
    status = git(job, "status", "--porcelain", "--", "other.txt", "staged.txt")
    runner.run(job, "--publish", "commit")
    assert set(git_server.files(REPOSITORY)) - before == {
        "docs/notes.assets/evidence.json",
        "docs/report.assets/evidence.json",
        "docs/report.md",
        *(path for path in git_server.files(REPOSITORY) if path.endswith(".svg")),
    }
    assert git_server.show(REPOSITORY, "other.txt") == b"nobody's\n"
    assert git(job, "status", "--porcelain", "--", "other.txt", "staged.txt") == status
    assert git_server.log(REPOSITORY, pattern="%an <%ae>")[0].startswith("github-actions[bot] <41898282+")
    tip = git_server.tip(REPOSITORY)
    for _ in range(3):
        runner.refresh("commit")
    runner.refresh("commit", "--force")
    assert git_server.tip(REPOSITORY) == tip
    assert len(git_server.pushes()) == len({request.path for request in git_server.pushes()})
