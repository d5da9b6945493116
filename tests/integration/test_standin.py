"""The stand-in for GitHub's API: that it behaves as GitHub says, and that it notices who doesn't."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.components import require
from tests.integration.git_server import WRITER, GitServer, git
from tests.standin.description import description
from tests.standin.server import StandIn, serving
from tests.standin.state import Account, Comment, Issue, Tips
from tests.waiting import PATIENCE

TOP = Path(__file__).parents[2]
NAME = "octo/reports"
TOKEN = "ghp_0123456789"

pytestmark = pytest.mark.needs("node")


@pytest.fixture
def api() -> Iterator[StandIn]:
    """With two branches; whoever uses it looks at `mismatches` themselves."""
    with serving(
        StandIn(Tips({NAME: {"main": "a" * 40, "work": "b" * 40}}), {TOKEN: Account("octocat", "User")})
    ) as it:
        yield it


def ask(address: str, path: str, body: Any = None, *, method: str | None = None, token: str = TOKEN) -> tuple[int, Any]:
    """What an address answers, told in a status and JSON."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


# --- held to the description -----------------------------------------------------------------------------------------


def test_a_request_that_is_not_as_described_is_noticed(api: StandIn) -> None:
    api.repository(NAME).items.append(Issue(1, "title", None, Account()))
    assert ask(api.address, f"/repos/{NAME}/issues/1/labels", ["a bare list"])[0] == 422
    assert ask(api.address, f"/repos/{NAME}/branches/a/b")[0] == 404
    assert ask(api.address, f"/repos/{NAME}/pulls", {"title": "no branches"})[0] == 422
    assert [wrong.split(":")[1].strip() for wrong in api.mismatches()] == [
        "InvalidRequestBody",
        "PathNotFound",
        "InvalidRequestBody",
    ]


def test_an_answer_that_is_not_as_described_is_noticed(api: StandIn) -> None:
    api.repository(NAME).default_branch = None  # type: ignore[assignment]  # what it must not be
    assert ask(api.address, f"/repos/{NAME}")[0] == 200
    assert len(api.mismatches()) == 1
    assert "default_branch" in api.mismatches()[0]


def test_what_is_as_described_is_not(api: StandIn) -> None:
    assert ask(api.address, f"/repos/{NAME}/pulls", {"title": "t", "head": "work", "base": "main"})[0] == 201
    assert ask(api.address, f"/repos/{NAME}/pulls?state=all&head=octo:work&per_page=100")[0] == 200
    assert api.mismatches() == []


def schemathesis(api: StandIn, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What Schemathesis says of the stand-in, asking for what is there as often as for what is not."""
    there = copy.deepcopy(description())
    numbers = {
        "owner": ["octo"],
        "repo": ["reports"],
        "pull-number": [1, 3],
        "issue-number": [1, 2, 3],
        "comment-id": [7, 8],
    }
    for name, values in numbers.items():
        there["components"]["parameters"][name]["schema"]["enum"] = values
    (folder / "github.json").write_text(json.dumps(there))
    # Of unknown methods GitHub says 404, and it refuses much that is right by its form: a branch that is not there.
    checks = ["--checks", "all", "--exclude-checks", "unsupported_method,positive_data_acceptance"]
    quiet = ["--no-color", "--warnings", "off", "--generation-database", "none", "--seed", "1"]
    program = [str(Path(sys.executable).with_name("schemathesis")), "run", "github.json", "--url", api.address]
    argv = [*program, "--header", f"Authorization: Bearer {TOKEN}", *checks, *quiet, *words]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


def furnish(api: StandIn) -> None:
    repository = api.repository(NAME)
    ask(api.address, f"/repos/{NAME}/pulls", {"title": "t", "head": "work", "base": "main"})
    repository.items.append(Issue(2, "title", None, Account(), comments=[Comment(Account(), "text", id=7)]))


@pytest.mark.full
def test_schemathesis_finds_no_fault(api: StandIn, tmp_path: Path) -> None:
    furnish(api)
    found = schemathesis(api, tmp_path, "--phases", "fuzzing", "--max-examples", "4")
    assert found.returncode == 0, found.stdout + found.stderr
    assert len([record for record in api.records if record.status < 300]) > 10
    assert [record.wrong_response for record in api.records if record.wrong_response] == []


def test_schemathesis_finds_a_fault_that_is_there(api: StandIn, tmp_path: Path) -> None:
    furnish(api)
    api.repository(NAME).items[1].title = None  # type: ignore[assignment]  # what it must not be
    words = ["--phases", "fuzzing", "--max-examples", "3", "--include-operation-id", "issues/list-for-repo"]
    found = schemathesis(api, tmp_path, *words)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "Response violates schema" in found.stdout


@pytest.mark.stress
def test_schemathesis_finds_no_fault_in_minutes(api: StandIn, tmp_path: Path) -> None:
    furnish(api)
    found = schemathesis(api, tmp_path, "--phases", "coverage,fuzzing,stateful", "--max-examples", "100")
    assert found.returncode == 0, found.stdout + found.stderr


# --- like GitHub -----------------------------------------------------------------------------------------------------


@pytest.mark.needs("git")
def test_a_pull_request_follows_its_branches(git_server: GitServer, github_api: StandIn) -> None:
    git_server.create(NAME)
    git_server.seed(NAME, {"a": "1"})

    def opened(branch: str) -> Any:
        body = {"title": "t", "head": branch, "base": "main"}
        return ask(github_api.address, f"/repos/{NAME}/pulls", body, token=WRITER)

    def now(number: int) -> tuple[str, bool, str]:
        pull = ask(github_api.address, f"/repos/{NAME}/pulls/{number}", token=WRITER)[1]
        return pull["state"], pull["merged"], pull["head"]["sha"]

    repository = git_server.path(NAME)
    git(repository, "branch", "none", "main")
    status, refused = opened("none")
    assert (status, refused["errors"][0]["message"]) == (422, "No commits between main and none")

    first = git_server.seed(NAME, {"b": "1"}, branch="merged")
    assert opened("merged")[0] == 201
    assert opened("merged")[1]["errors"][0]["message"] == "A pull request already exists for octo:merged."
    second = git_server.seed(NAME, {"b": "2"}, branch="merged")
    assert first != second
    assert now(1) == ("open", False, second)
    git(repository, "branch", "-f", "main", "merged")
    assert now(1) == ("closed", True, second)

    tip = git_server.seed(NAME, {"c": "1"}, branch="deleted")
    assert opened("deleted")[0] == 201
    git(repository, "branch", "-D", "deleted")
    assert now(2) == ("closed", False, tip)

    git_server.seed(NAME, {"d": "1"}, branch="emptied")
    assert opened("emptied")[0] == 201
    git(repository, "branch", "-f", "emptied", "main")
    assert now(3)[:2] == ("closed", False)
    assert opened("nowhere")[1]["errors"] == [{"resource": "PullRequest", "field": "head", "code": "invalid"}]


def test_who_may_do_what(api: StandIn) -> None:
    api.world.tokens |= {"reader": Account(permissions={"pull_requests": "read"}), "stranger": Account(sees=False)}
    body = {"title": "t", "head": "work", "base": "main"}
    for token, status, message in (
        ("reader", 403, "Resource not accessible by integration"),
        ("stranger", 404, "Not Found"),
        ("unknown", 401, "Bad credentials"),
    ):
        got, answer = ask(api.address, f"/repos/{NAME}/pulls", body, token=token)
        assert (got, answer["message"]) == (status, message)
    assert api.repository(NAME).items == []


def test_pages_are_linked(api: StandIn) -> None:
    api.repository(NAME).items += [Issue(number, f"issue {number}", None, Account()) for number in range(1, 6)]
    request = urllib.request.Request(f"{api.address}/repos/{NAME}/issues?per_page=2&page=2")
    request.add_header("Authorization", f"token {TOKEN}")
    with urllib.request.urlopen(request) as answer:
        assert [issue["number"] for issue in json.load(answer)] == [3, 2]
        links = answer.headers["Link"]
    assert f'<{api.address}/repos/{NAME}/issues?per_page=2&page=3>; rel="next"' in links


# --- as a process ----------------------------------------------------------------------------------------------------


@pytest.mark.needs("git")
def test_it_runs_as_a_process_and_keeps_its_record(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create(NAME)
    git_server.seed(NAME, {"a": "1"})
    record = tmp_path / "record.jsonl"
    argv = [sys.executable, "-m", "tests.standin", "--git", str(git_server.folder), "--record", str(record)]
    argv += ["--token", f"{TOKEN}=github-actions[bot]"]
    with subprocess.Popen(argv, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        address = process.stdout.readline().strip()
        assert ask(address, f"/repos/{NAME}")[1]["full_name"] == NAME
        assert ask(address, "/repos/octo/none")[0] == 404
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    lines = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    assert [(line["path"], line["status"], line["login"]) for line in lines] == [
        (f"/repos/{NAME}", 200, "github-actions[bot]"),
        ("/repos/octo/none", 404, "github-actions[bot]"),
    ]
    assert TOKEN not in record.read_text("utf-8")


def test_the_npm_lock_holds_hashes_and_no_addresses() -> None:
    require("node")
    packages = json.loads((TOP / "tests/node/package-lock.json").read_bytes())["packages"]
    assert [name for name, package in packages.items() if name and not package.get("integrity")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
