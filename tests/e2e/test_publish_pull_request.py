"""One pull request, kept up to date: a real git server, and the stand-in for GitHub's API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.publishing import CONFIG, REPOSITORY, Runner, make
from tests.integration.git_server import GitServer, git, git_server
from tests.standin.fixtures import github_api
from tests.standin.server import Failure, StandIn
from tests.standin.state import PullRequest

__all__ = ["git_server", "github_api"]
pytestmark = pytest.mark.needs("git", "node")

BRANCH = "gpu-doc/refresh-main"


@pytest.fixture
def runner(git_server: GitServer, github_api: StandIn, tmp_path: Path) -> Runner:
    return make(git_server, tmp_path, api_url=github_api.address)


def pulls(api: StandIn) -> list[PullRequest]:
    return api.repository(REPOSITORY).pull_requests


def writes(api: StandIn) -> list[str]:
    return [f"{record.method} {record.path}" for record in api.records if record.method != "GET"]


def test_one_pull_request_is_opened_left_alone_updated_and_closed(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    publish = "publish: {labels: [documentation, gpu], reviewers: [octocat], title: 'docs: numbers'}\n"
    git_server.seed(REPOSITORY, {"gpu-doc.yml": CONFIG + publish})
    main = git_server.tip(REPOSITORY)
    runner.refresh("config")
    [opened] = pulls(github_api)
    assert (opened.title, opened.head, opened.base, opened.state) == ("docs: numbers", BRANCH, "main", "open")
    assert (opened.labels, opened.reviewers) == (["documentation", "gpu"], ["octocat"])
    assert "docs/report.md" in str(opened.body)
    assert git_server.tip(REPOSITORY) == main
    assert git_server.log(REPOSITORY, BRANCH, "%P")[0] == main
    assert "0.1" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()

    unchanged = (git_server.tip(REPOSITORY, BRANCH), len(git_server.pushes()), writes(github_api))
    for words in [(), ("--force",)]:
        runner.refresh("config", *words)
    assert (git_server.tip(REPOSITORY, BRANCH), len(git_server.pushes()), writes(github_api)) == unchanged

    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n", "other.txt": "more"})
    runner.refresh("config")
    assert [each.number for each in pulls(github_api)] == [opened.number]
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()
    assert git_server.log(REPOSITORY, BRANCH, "%P")[0] == git_server.tip(REPOSITORY)
    assert git_server.show(REPOSITORY, "other.txt", BRANCH) == b"more"

    merge(git_server)
    runner.refresh("config")
    assert [each.state for each in pulls(github_api)] == ["closed"]


def merge(server: GitServer) -> None:
    """Merge the pull request, squashed into one commit of a person's."""
    files = {path: server.show(REPOSITORY, path, BRANCH) for path in server.files(REPOSITORY, BRANCH)}
    server.seed(REPOSITORY, {path: content for path, content in files.items() if path.startswith("docs/")})


def test_text_title_labels_and_reviewers_follow_and_what_people_wrote_stays(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request")
    [opened] = pulls(github_api)
    opened.labels.append("a person's")
    first = opened.body
    # GitHub takes the push and refuses the text: the next run writes it.
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    github_api.failures.append(
        Failure(status=403, message="Resource not accessible", method="PATCH", path=".*/pulls/.*")
    )
    runner.refresh("pull-request", code=4)
    assert opened.body == first
    publish = "publish: {labels: [gpu], reviewers: [octocat], title: 'docs: numbers'}\n"
    git_server.seed(REPOSITORY, {"gpu-doc.yml": CONFIG + publish})
    for _ in range(2):
        runner.refresh("pull-request")
        assert opened.body != first
        assert (opened.title, opened.labels) == ("docs: numbers", ["a person's", "gpu"])
        assert opened.reviewers == ["octocat"]
        before = writes(github_api)
    assert writes(github_api) == before
    # A title that a person gave stays, and so does what they made of the text.
    opened.title, opened.body = "By a person", f"Mine.\n{opened.body}"
    git_server.seed(REPOSITORY, {"gpu-doc.yml": CONFIG + publish.replace("numbers", "figures")})
    runner.refresh("pull-request")
    assert (opened.title, writes(github_api)) == ("By a person", before)


def test_what_is_older_is_said_once_and_since_when(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    made = git_server.seed(REPOSITORY, {"other.txt": "1"})
    runner.refresh("pull-request")
    [opened] = pulls(github_api)
    works = git_server.show(REPOSITORY, "train.sh")
    since = git_server.seed(REPOSITORY, {"train.sh": "echo went wrong; exit 3\n"})
    assert "updated" in runner.refresh("pull-request", code=3).stdout
    body = str(opened.body)
    assert "## What is older" in body
    older = body.partition("## What is older")[2]
    assert since[:12] in older
    assert f"made from [`{made[:12]}`]" in older
    assert "docs/report.md" in older
    assert "docs/notes.md" not in older
    # The next commit that fails in the same way is no news.
    git_server.seed(REPOSITORY, {"other.txt": "2"})
    runner.refresh("pull-request", code=3)
    assert opened.body == body
    git_server.seed(REPOSITORY, {"train.sh": works})
    runner.refresh("pull-request")
    assert "What is older" not in str(opened.body)


def test_a_reviewers_suggestion_is_no_failure_where_nothing_is_to_be_done(
    runner: Runner, git_server: GitServer, github_api: StandIn, tmp_path: Path
) -> None:
    runner.refresh("pull-request")
    git_server.seed(REPOSITORY, {"docs/report.md": "# Better\n"}, branch=BRANCH)
    suggested = git_server.seed(REPOSITORY, {"docs/notes.md": "# Better\n"}, branch=BRANCH)
    git_server.seed(REPOSITORY, {"other.txt": "more"})
    before = writes(github_api)
    cheap = Runner(git_server, tmp_path / "cheap", api_url=github_api.address)
    cheap.folder.mkdir()
    for each in (runner, cheap):
        assert "started" not in each.refresh("pull-request").stderr
    assert (git_server.tip(REPOSITORY, BRANCH), writes(github_api)) == (suggested, before)
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    said = runner.refresh("pull-request", code=4).stderr
    assert f"holds a commit that is not gpu-doc's, {suggested[:10]}" in said


@pytest.mark.full
def test_update_with_rebase_is_no_failure_where_nothing_is_to_be_done(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request")
    git_server.seed(REPOSITORY, {"other.txt": "more"})
    person = git_server.clone(REPOSITORY, runner.folder / "person", f"--branch={BRANCH}")
    git(person, "rebase", "-q", "origin/main")
    git(person, "push", "-q", "--force", str(git_server.path(REPOSITORY)), f"HEAD:{BRANCH}")
    rebased, before = git_server.tip(REPOSITORY, BRANCH), writes(github_api)
    runner.refresh("pull-request")
    assert (git_server.tip(REPOSITORY, BRANCH), writes(github_api)) == (rebased, before)


def test_two_bases_never_share_a_fixed_branch(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    git_server.seed(REPOSITORY, {"gpu-doc.yml": f"{CONFIG}publish: {{branch: refreshed}}\n"})
    git(git_server.path(REPOSITORY), "branch", "release", "main")
    runner.refresh("pull-request")
    done = runner.run(runner.checkout(branch="release"), "--publish", "pull-request", code=4)
    assert "`refreshed` is the pull request's branch of gpu-doc.yml on main" in done.stderr
    assert "started" not in done.stderr
    assert "taken over" not in done.stderr
    assert len(pulls(github_api)) == 1
    # A push to that branch, as by a reviewer, asks for nothing.
    for words in ((), ("--only-fresh",)):
        done = runner.run(runner.checkout(branch="refreshed"), "--publish", "config", *words)
        assert "which is gpu-doc's own branch" in done.stderr


def test_a_revert_closes_it_and_removes_its_branch(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    runner.refresh("commit")
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    [opened] = pulls(github_api)
    git_server.seed(REPOSITORY, {"rate.txt": "0.1\n"})
    runner.refresh("pull-request")
    assert opened.state == "closed"
    assert len(opened.comments) == 1
    assert git_server.tip(REPOSITORY, BRANCH) is None
    before = writes(github_api)
    runner.refresh("pull-request")
    assert writes(github_api) == before


@pytest.mark.full
def test_ten_unchanged_refreshes_write_nothing(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    runner.refresh("pull-request")
    before = (len(git_server.pushes()), writes(github_api), git_server.tip(REPOSITORY, BRANCH))
    for number in range(10):
        if number == 5:
            git_server.seed(REPOSITORY, {"other.txt": "of no concern"})
        runner.refresh("pull-request", *(["--force"] if number % 3 == 2 else []))
    assert (len(git_server.pushes()), writes(github_api), git_server.tip(REPOSITORY, BRANCH)) == before


def test_what_an_open_pull_request_holds_is_not_run_again_on_a_machine_without_state(
    runner: Runner, git_server: GitServer, github_api: StandIn, tmp_path: Path
) -> None:
    runner.refresh("pull-request")
    other = Runner(git_server, tmp_path / "other", api_url=github_api.address)
    other.folder.mkdir()
    done = other.refresh("pull-request")
    assert "its pull request has results already" in done.stderr
    assert "started" not in done.stderr
    assert len(git_server.pushes()) == 1


def test_where_only_what_is_fresh_may_be_published_nothing_runs(
    runner: Runner, git_server: GitServer, github_api: StandIn, tmp_path: Path
) -> None:
    for mode in ("pull-request", "commit"):
        done = runner.refresh(mode, "--only-fresh")
        assert "something is stale, which is left to the next refresh" in done.stderr
        assert "All fresh" not in done.stdout
    assert (git_server.pushes(), writes(github_api)) == ([], [])
    runner.refresh("commit")
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    git_server.seed(REPOSITORY, {"rate.txt": "0.1\n"})
    cheap = Runner(git_server, tmp_path / "cheap", api_url=github_api.address)
    cheap.folder.mkdir()
    cheap.refresh("pull-request", "--only-fresh")
    assert [each.state for each in pulls(github_api)] == ["closed"]


def test_a_persons_commit_on_the_branch_is_never_overwritten(runner: Runner, git_server: GitServer) -> None:
    runner.refresh("pull-request")
    sha = git_server.seed(REPOSITORY, {"docs/notes.md": "# By a person\n"}, branch=BRANCH)
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    said = runner.refresh("pull-request", code=4).stderr
    assert f"`{BRANCH}` holds a commit that is not gpu-doc's, {sha[:10]}" in said
    assert git_server.tip(REPOSITORY, BRANCH) == sha
    # One who amends our commit, or puts it onto another base, is as much at work on it.
    person = git_server.clone(REPOSITORY, runner.folder / "person", f"--branch={BRANCH}")
    git(person, "reset", "-q", "--hard", "HEAD^")
    (person / "docs/report.md").write_text("# Better\n")
    git(person, "commit", "-q", "-a", "--amend", "--no-edit")
    git(person, "push", "-q", "--force", str(git_server.path(REPOSITORY)), f"HEAD:{BRANCH}")
    amended = git_server.tip(REPOSITORY, BRANCH)
    runner.refresh("pull-request", code=4)
    assert git_server.tip(REPOSITORY, BRANCH) == amended


@pytest.mark.full
def test_merging_the_base_into_the_branch_is_nobodys_work(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request")
    git_server.seed(REPOSITORY, {"other.txt": "more"})
    person = git_server.clone(REPOSITORY, runner.folder / "person", f"--branch={BRANCH}")
    git(person, "merge", "-q", "--no-edit", "origin/main")
    git(person, "push", "-q", str(git_server.path(REPOSITORY)), f"HEAD:{BRANCH}")
    merged, before = git_server.tip(REPOSITORY, BRANCH), writes(github_api)
    runner.refresh("pull-request")
    assert (git_server.tip(REPOSITORY, BRANCH), writes(github_api)) == (merged, before)
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()


def test_reports_that_a_run_did_not_look_at_stay_in_the_pull_request(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request", "docs/report.md")
    runner.refresh("pull-request", "docs/notes.md")
    assert len(pulls(github_api)) == 1
    assert "0.1" in git_server.show(REPOSITORY, "docs/report.md", BRANCH).decode()
    assert b"| 1" in git_server.show(REPOSITORY, "docs/notes.md", BRANCH).replace(b"  ", b" ")
    assert len(git_server.log(REPOSITORY, BRANCH)) == 2


def test_what_failed_leaves_the_others_published(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    git_server.seed(REPOSITORY, {"train.sh": "echo went wrong; exit 3\n"})
    runner.refresh("pull-request", code=3)
    [opened] = pulls(github_api)
    assert "docs/notes.assets/evidence.json" in git_server.files(REPOSITORY, BRANCH)
    assert "docs/report.md" not in git_server.files(REPOSITORY, BRANCH)
    assert "train" in str(opened.body)


@pytest.mark.full
def test_a_pull_request_that_a_person_closed_is_opened_again_only_for_other_results(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    runner.refresh("pull-request")
    pulls(github_api)[0].close()
    before = writes(github_api)
    assert "was closed; it is opened again when they change" in runner.refresh("pull-request").stderr
    assert writes(github_api) == before
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("pull-request")
    assert [each.state for each in pulls(github_api)] == ["closed", "open"]


def test_a_run_that_was_killed_after_its_push_is_finished_by_the_next(runner: Runner, github_api: StandIn) -> None:
    github_api.failures.append(
        Failure(status=403, message="Resource not accessible by integration", method="POST", path=".*/pulls")
    )
    said = runner.refresh("pull-request", code=4).stderr
    assert "pull-requests: write" in said
    assert pulls(github_api) == []
    runner.refresh("pull-request")
    assert len(pulls(github_api)) == 1


def test_auto_opens_a_pull_request_where_the_branch_is_protected(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    hook = 'while read old new ref; do [ "$ref" != refs/heads/main ] || { echo "error: GH006: Protected branch update'
    git_server.hook(REPOSITORY, f'{hook} failed for refs/heads/main." >&2; exit 1; }}; done')
    said = runner.refresh("auto").stderr
    assert "pull request" in said
    assert len(pulls(github_api)) == 1


@pytest.mark.full
def test_a_base_that_was_forced_to_another_history(runner: Runner, git_server: GitServer) -> None:
    runner.refresh("pull-request")
    job = runner.checkout()
    person = git_server.clone(REPOSITORY, runner.folder / "person")
    git(person, "checkout", "-q", "--orphan", "new")
    (person / "other.txt").write_text("another history")
    git(person, "commit", "-q", "-a", "-m", "another history")
    git(person, "push", "-q", "--force", str(git_server.path(REPOSITORY)), "HEAD:main")
    runner.run(job, "--publish", "pull-request")
    assert git_server.log(REPOSITORY, BRANCH) == ["docs: refresh results", "another history"]
    assert git_server.show(REPOSITORY, "other.txt", BRANCH) == b"another history"


def test_a_run_of_a_commit_that_was_forced_away_never_replaces_the_results_of_what_took_its_place(
    runner: Runner, git_server: GitServer, github_api: StandIn
) -> None:
    before = git_server.tip(REPOSITORY)
    git_server.seed(REPOSITORY, {"rate.txt": "0.6\n"})
    older = runner.checkout()
    git(git_server.path(REPOSITORY), "update-ref", "refs/heads/main", str(before))
    git_server.seed(REPOSITORY, {"rate.txt": "0.7\n"})
    runner.refresh("pull-request")
    asked = writes(github_api)
    said = runner.run(older, "--publish", "pull-request").stderr
    assert "docs/report.md: a newer run has published it already" in said
    merge(git_server)
    git(git_server.path(REPOSITORY), "update-ref", "-d", f"refs/heads/{BRANCH}")
    said = runner.run(older, "--publish", "pull-request", "--force").stderr
    assert "docs/report.md: somebody pushed with force meanwhile" in said
    assert "0.7" in git_server.show(REPOSITORY, "docs/report.md").decode()
    assert [word for word in writes(github_api) if word.startswith("POST")] == [
        word for word in asked if word.startswith("POST")
    ], "no pull request is opened"


def test_a_base_other_than_what_is_checked_out(runner: Runner, git_server: GitServer, github_api: StandIn) -> None:
    git(git_server.path(REPOSITORY), "branch", "feature", "main")
    git_server.seed(REPOSITORY, {"rate.txt": "0.5\n", "only-here.txt": "x"}, branch="feature")
    job = runner.checkout(branch="feature")
    runner.run(job, "--publish", "pull-request", "--base", "main", "--branch", "refresh", "--labels", "a,b")
    [opened] = pulls(github_api)
    assert (opened.base, opened.head, opened.labels) == ("main", "refresh", ["a", "b"])
    assert "only-here.txt" not in git_server.files(REPOSITORY, "refresh")


def test_without_a_token_it_says_which_one_it_needs(runner: Runner) -> None:
    said = runner.run(runner.checkout(), "--publish", "pull-request", code=4, INPUT_TOKEN="").stderr
    assert "no token" in said
    assert "started" not in said


@pytest.mark.parametrize(
    ("origin", "lacks"),
    [
        ("git@github.com:octo/docs.git", "there is no token to open a pull request with"),
        ("/srv/git/docs.git", "pull requests need a repository on GitHub"),
    ],
)
def test_on_ones_own_machine_what_lacks_is_said_before_anything_runs(runner: Runner, origin: str, lacks: str) -> None:
    job = runner.checkout()
    for words in [
        ("remote", "set-url", "origin", origin),
        ("config", "user.name", "A"),
        ("config", "user.email", "a@b"),
    ]:
        git(job, *words)
    mode = ("--publish", "pull-request")
    said = runner.run(job, *mode, code=4, GITHUB_ACTIONS="", INPUT_TOKEN="", GH_TOKEN="", GITHUB_TOKEN="").stderr
    assert lacks in said
    assert "started" not in said


def test_two_configurations_never_share_a_branch(runner: Runner, git_server: GitServer) -> None:
    git_server.seed(REPOSITORY, {"docs.yml": CONFIG, "docs/gpu-doc.yml": CONFIG.split("  - path: docs/notes.md")[0]})
    runner.refresh("pull-request", "--config", "docs.yml")
    tip = git_server.tip(REPOSITORY, f"{BRANCH}-docs")
    assert tip
    git_server.seed(
        REPOSITORY, {"docs/templates/report.md.j2": "# Another\n", "docs/train.sh": "touch rates.csv plot.svg\n"}
    )
    said = runner.refresh("pull-request", "--config", "docs/gpu-doc.yml", code=4).stderr
    assert (
        f"`{BRANCH}-docs` is the pull request's branch of docs.yml on main, and this is docs/gpu-doc.yml on main"
        in said
    )
    assert git_server.tip(REPOSITORY, f"{BRANCH}-docs") == tip
