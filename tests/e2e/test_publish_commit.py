"""Results committed to a branch of a real git server."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.publishing import CONFIG, FILES, REPOSITORY, Runner, make
from tests.integration.git_server import WRITER, GitServer, git, git_server

__all__ = ["git_server"]
pytestmark = pytest.mark.needs("git")

TABLE = '# Report\n\n{{ table("count/file:count.csv") }}\n'


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


@pytest.mark.full
def test_a_checkout_with_crlf_publishes_what_any_other_would(runner: Runner, git_server: GitServer) -> None:
    git_server.seed(REPOSITORY, {".gitattributes": "*.sh -text\nrate.txt -text\n"})
    crlf = ("-c", "core.autocrlf=true", "--branch=main")
    job = runner.checkout(*crlf)
    assert b"\r\n" in (job / "templates/report.md.j2").read_bytes()
    runner.run(job, "--publish", "commit")
    tip = git_server.tip(REPOSITORY)
    names = [path for path in git_server.files(REPOSITORY) if path.startswith("docs/")]
    assert len(names) == 5
    assert not [path for path in names if b"\r" in git_server.show(REPOSITORY, path)]
    for words in (crlf, ("--branch=main",)):
        runner.run(runner.checkout(*words), "--publish", "commit", "--force")
    assert git_server.tip(REPOSITORY) == tip


def test_a_persons_commits_in_between_survive(runner: Runner, git_server: GitServer) -> None:
    job = runner.checkout()
    text = FILES["docs/notes.md"]
    assert isinstance(text, str)
    git_server.seed(REPOSITORY, {"docs/notes.md": text.replace("By a person.", "By two."), "new.txt": "new"})
    said = runner.run(job, "--publish", "commit").stderr
    notes = git_server.show(REPOSITORY, "docs/notes.md").decode()
    assert "By two." in notes
    assert "| 1 |" in notes.replace("  ", " ")
    assert git_server.show(REPOSITORY, "new.txt") == b"new"
    assert "traceback" not in said.lower()
    # What was put into the new text is what its evidence says: nobody edited it.
    assert runner.run(runner.checkout(), "--publish", "check").returncode == 0


def test_blocks_that_a_person_changed_meanwhile_stay_as_they_are(runner: Runner, git_server: GitServer) -> None:
    job = runner.checkout()
    git_server.seed(REPOSITORY, {"docs/notes.md": "# Notes\n\nNothing is counted any more.\n"})
    said = runner.run(job, "--publish", "commit").stderr
    assert "docs/notes.md: its blocks were changed on the branch meanwhile" in said
    assert git_server.show(REPOSITORY, "docs/notes.md") == b"# Notes\n\nNothing is counted any more.\n"
    assert "| 0.1" in git_server.show(REPOSITORY, "docs/report.md").decode()


def test_a_generated_report_that_a_person_changed_or_removed_meanwhile_stays(
    runner: Runner, git_server: GitServer
) -> None:
    runner.refresh("commit")
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    job = runner.checkout()
    sha = git_server.seed(REPOSITORY, {"docs/report.md": "# By hand\n"})
    said = runner.run(job, "--publish", "commit").stderr
    assert f"docs/report.md was changed on the branch meanwhile, by {sha[:10]}" in said
    assert git_server.tip(REPOSITORY) == sha
    git(git_server.path(REPOSITORY), "update-ref", "refs/heads/main", f"{sha}^")
    removed = git_server.clone(REPOSITORY, runner.folder / "person")
    git(removed, "rm", "-q", "-r", "docs/report.md", "docs/report.assets")
    git(removed, "commit", "-q", "-m", "no report")
    git(removed, "push", "-q", str(git_server.path(REPOSITORY)), "HEAD:main")
    job = runner.checkout("--branch=main", "--depth=2")
    git(job, "checkout", "-q", "-B", "main", "HEAD^")
    assert "docs/report.md was removed on the branch meanwhile" in runner.run(job, "--publish", "commit").stderr
    assert "docs/report.md" not in git_server.files(REPOSITORY)


def test_an_older_run_never_overwrites_a_newer_ones_result(runner: Runner, git_server: GitServer) -> None:
    older = runner.checkout()
    git_server.seed(REPOSITORY, {"rate.txt": "0.2\n"})
    runner.refresh("commit")
    tip = git_server.tip(REPOSITORY)
    said = runner.run(older, "--publish", "commit").stderr
    assert "docs/report.md: a newer run has published it already" in said
    assert git_server.tip(REPOSITORY) == tip
    assert "0.2" in git_server.show(REPOSITORY, "docs/report.md").decode()


def test_results_of_a_commit_that_was_forced_away_are_not_published(runner: Runner, git_server: GitServer) -> None:
    runner.refresh("commit")
    before = git_server.tip(REPOSITORY)
    git_server.seed(REPOSITORY, {"rate.txt": "0.6\n"})
    older = runner.checkout()
    # The push by force finds all fresh, and nobody comes after it to put right what the older run does.
    git(git_server.path(REPOSITORY), "update-ref", "refs/heads/main", str(before))
    said = runner.run(older, "--publish", "commit").stderr
    assert "`main` no longer has" in said
    assert git_server.tip(REPOSITORY) == before
    # Who says that the results are for main means it.
    runner.run(older, "--publish", "commit", "--base", "main")
    assert "0.6" in git_server.show(REPOSITORY, "docs/report.md").decode()


def test_author_message_and_trailers_are_the_configurations(runner: Runner, git_server: GitServer) -> None:
    more = """\
publish:
  title: "docs: new numbers"
  author: Docs Bot <docs@example.org>
  message: Straight from the machine.
  trailers: ["Signed-off-by: Docs Bot <docs@example.org>"]
"""
    source = git_server.seed(REPOSITORY, {"gpu-doc.yml": CONFIG + more})
    runner.refresh("commit")
    message = "\n".join(git_server.log(REPOSITORY, pattern="%B")).split("\n\n\n")[0]
    assert message.startswith("docs: new numbers\n")
    assert "Straight from the machine." in message
    assert "docs/notes.md" in message
    trailers = git(git_server.path(REPOSITORY), "log", "-1", "--format=%(trailers:unfold)", "main").splitlines()
    assert trailers[:2] == ["Signed-off-by: Docs Bot <docs@example.org>", f"Gpu-Doc-Source: {source}"]
    assert git_server.log(REPOSITORY, pattern="%cn %ce")[0] == "Docs Bot docs@example.org"


def test_what_is_refused_is_named_with_its_remedy(runner: Runner, git_server: GitServer) -> None:
    git_server.refuse(REPOSITORY, "error: GH006: Protected branch update failed for refs/heads/main.")
    jobs = [runner.checkout() for _ in range(3)]
    said = runner.run(jobs[0], "--publish", "commit", code=4).stderr
    assert "protected" in said
    assert "pull-request" in said
    git_server.tokens[WRITER] = "read"
    assert "contents: write" in runner.run(jobs[1], "--publish", "commit", code=4).stderr
    git_server.tokens.clear()
    said = runner.run(jobs[2], "--publish", "commit", code=4).stderr
    assert "token" in said
    # Nothing is lost: the result is in state, and published without running as soon as that is allowed.
    git_server.tokens[WRITER] = "write"
    git_server.hook(REPOSITORY, "exit 0")
    assert "0 runs executed" in runner.refresh("commit").stdout
    assert "docs/report.md" in git_server.files(REPOSITORY)


def test_a_detached_head_needs_a_base(runner: Runner, git_server: GitServer) -> None:
    job = runner.checkout()
    git(job, "checkout", "-q", "--detach")
    said = runner.run(job, "--publish", "commit", code=2).stderr
    assert "`--base main`" in said
    runner.run(job, "--publish", "commit", "--base", "main")
    assert "docs/report.md" in git_server.files(REPOSITORY)
    said = runner.run(job, "--publish", "commit", "--base", "a..b", code=2).stderr
    assert "`a..b` cannot be the name of a branch" in said


def test_a_branch_that_was_deleted_meanwhile_is_not_made_again(runner: Runner) -> None:
    job = runner.checkout()
    git(job, "checkout", "-q", "-B", "gone")
    said = runner.run(job, "--publish", "commit", code=4).stderr
    assert "the branch `gone` is not there" in said


def test_a_push_of_our_own_commit_that_is_stale_again_runs_nothing(runner: Runner, git_server: GitServer) -> None:
    loop = CONFIG.replace("[rate.txt]", '["docs/**/*"]')
    git_server.seed(REPOSITORY, {"gpu-doc.yml": loop})
    runner.refresh("commit")
    job = runner.checkout()
    before = git(job, "cat-file", "commit", "HEAD").split("parent ")[1].split("\n")[0]
    said = runner.run(job, "--publish", "commit", payload={"before": before}).stderr
    assert "stale again right after gpu-doc's own commit" in said
    assert len(git_server.log(REPOSITORY)) == 3


def test_check_finds_what_would_change_and_touches_no_git(runner: Runner, git_server: GitServer) -> None:
    said = runner.refresh("check", code=1).stderr
    assert "docs/report.md" in said
    assert "not what its runs give" in said
    assert git_server.pushes() == []
    runner.refresh("commit")
    runner.refresh("check")


def test_reports_may_have_any_name(runner: Runner, git_server: GitServer) -> None:
    names = ["ein Bericht", "报告", "-report", "a'b\"c", "$(touch x)", "a`b`", "::error::x"]
    one = "  - {path: %s, template: t.md.j2, runs: {count: {command: [sh, count.sh], produces: [count.csv]}}}\n"
    config = "reports:\n" + "".join(one % json.dumps(f"docs/{name}.md") for name in names)
    git_server.seed(REPOSITORY, {"gpu-doc.yml": config, "t.md.j2": TABLE})
    runner.refresh("commit")
    assert {f"docs/{name}.md" for name in names} <= set(git_server.files(REPOSITORY))
    tip = git_server.tip(REPOSITORY)
    runner.refresh("commit")
    assert git_server.tip(REPOSITORY) == tip


def test_line_ends_that_git_changes_are_no_difference(runner: Runner, git_server: GitServer) -> None:
    git_server.seed(REPOSITORY, {".gitattributes": "*.md text eol=crlf\n"})
    runner.refresh("commit")
    assert b"\r" not in git_server.show(REPOSITORY, "docs/report.md")
    tip = git_server.tip(REPOSITORY)
    runner.refresh("commit", "--force")
    assert git_server.tip(REPOSITORY) == tip


def test_a_report_that_is_a_link(runner: Runner, git_server: GitServer) -> None:
    person = git_server.clone(REPOSITORY, runner.folder / "person")
    (person / "real").mkdir()
    (person / "docs/notes.md").rename(person / "real/notes.md")
    (person / "docs/notes.md").symlink_to("../real/notes.md")
    git(person, "add", "-A")
    git(person, "commit", "-q", "-m", "a link")
    git(person, "push", "-q", str(git_server.path(REPOSITORY)), "HEAD:main")
    runner.refresh("commit")
    assert b"| 1" in git_server.show(REPOSITORY, "real/notes.md").replace(b"  ", b" ")
    assert git_server.show(REPOSITORY, "docs/notes.md") == b"../real/notes.md"


@pytest.mark.full
def test_ten_at_once_all_end_up_in_the_history(git_server: GitServer, tmp_path: Path) -> None:
    race(git_server, tmp_path, 10)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_a_hundred_at_once_all_end_up_in_the_history(git_server: GitServer, tmp_path: Path) -> None:
    race(git_server, tmp_path, 100)


def race(server: GitServer, folder: Path, racers: int) -> None:
    """As many jobs as reports, each of which publishes one, while a person commits."""
    reports = [f"docs/report-{number:03}.md" for number in range(racers)]
    one = "  - {path: %s, template: t.md.j2, runs: {count: {command: [sh, count.sh], produces: [count.csv]}}}\n"
    config = "reports:\n" + "".join(one % path for path in reports)
    server.create(REPOSITORY)
    server.seed(REPOSITORY, {**FILES, "gpu-doc.yml": config, "t.md.j2": TABLE})
    runners = [Runner(server, folder / f"runner {number}") for number in range(racers)]
    for each in runners:
        each.folder.mkdir()
    jobs = [each.checkout() for each in runners]
    with ThreadPoolExecutor(racers) as pool:
        running = [
            pool.submit(each.run, job, "--publish", "commit", path, timeout=900)
            for each, job, path in zip(runners, jobs, reports, strict=True)
        ]
        persons = 0
        while not all(each.done() for each in running):
            with suppress(AssertionError):  # who was second tries again, as a person does
                server.seed(REPOSITORY, {f"person-{persons}.txt": "a person's"})
                persons += 1
            time.sleep(2)
        for job_done in running:
            job_done.result()
    files = set(server.files(REPOSITORY))
    assert {*reports, *(f"person-{number}.txt" for number in range(persons))} <= files
    history = server.log(REPOSITORY)
    assert history.count("docs: refresh results") == racers
    assert len(history) == racers + persons + 1
    assert all(len(parents.split()) <= 1 for parents in server.log(REPOSITORY, pattern="%P"))
