"""The door to GitHub's API, against the stand-in, which holds each request to GitHub's own description."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.components import require
from tests.standin.server import StandIn, serving
from tests.standin.state import Account, Comment, Issue, Tips

from gpu_doc.errors import Exit, PublishError
from gpu_doc.github.bodies import LONGEST_BODY
from gpu_doc.github.client import GitHub
from gpu_doc.github.connection import LONGEST_WAIT

NAME = "octo/reports"
BRANCH = "gpu-doc/refresh-main"
MARKER = "<!-- gpu-doc: preview -->"
BOT = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
PERSON = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
BASE_SHA, HEAD_SHA, NEXT_SHA = "a" * 40, "b" * 40, "c" * 40


@dataclass
class Client:
    """A client of the stand-in, with what it noted, and how long it paused."""

    github: GitHub
    notes: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def make(self, title: str = "docs: refresh results", body: str = "The text.", *, draft: bool = False) -> int:
        return self.github.pull_requests.create(BRANCH, "main", title, body, draft=draft).number


def client(address: str, token: str = BOT, name: str = NAME) -> Client:
    notes: list[str] = []
    pauses: list[float] = []
    return Client(GitHub(name, token, api_url=address, note=notes.append, pause=pauses.append), notes, pauses)


@pytest.fixture
def api() -> Iterator[StandIn]:
    require("node")
    branches = Tips({NAME: {"main": BASE_SHA, BRANCH: HEAD_SHA, "other": NEXT_SHA}})
    tokens = {BOT: Account(), PERSON: Account("octocat", "User")}
    with serving(StandIn(branches, tokens)) as stand_in:
        yield stand_in
    assert stand_in.mismatches() == []


@pytest.fixture
def bot(api: StandIn) -> Iterator[Client]:
    """With the token of a workflow's run."""
    made = client(api.address)
    with made.github:
        yield made


@pytest.fixture
def person(api: StandIn) -> Iterator[Client]:
    """With the token of a person."""
    made = client(api.address, PERSON)
    with made.github:
        yield made


# --- the repository --------------------------------------------------------------------------------------------------


def test_a_renamed_repository_is_followed_and_named(api: StandIn) -> None:
    assert isinstance(api.world.branches, Tips)
    api.repository(NAME)
    api.world.branches["octo/reports-2"] = api.world.branches.pop(NAME)
    api.world.rename(NAME, "octo/reports-2")
    renamed = client(api.address)
    with renamed.github as github:
        assert github.pull_requests.find_open(BRANCH, "main") is None
        assert renamed.make() == 1
    assert renamed.notes == ["octo/reports is called octo/reports-2 by now"]
    assert {record.path for record in api.writes()} == {"/repos/octo/reports-2/pulls"}


# --- pull requests ---------------------------------------------------------------------------------------------------


def test_a_pull_request_is_opened_and_found(api: StandIn, bot: Client) -> None:
    assert bot.github.pull_requests.find_open(BRANCH, "main") is None
    made = bot.github.pull_requests.create(BRANCH, "main", "docs: $(id) `x`", "A & B\n<b>::error::</b>", draft=True)
    assert made.url == f"{api.address}/octo/reports/pull/1"
    assert (made.number, made.state, made.merged, made.head_sha, made.draft) == (1, "open", False, HEAD_SHA, True)
    assert (made.title, made.body) == ("docs: $(id) `x`", "A & B\n<b>::error::</b>")
    assert bot.github.pull_requests.find_open(BRANCH, "main") == made


def test_what_is_unchanged_takes_two_reads(api: StandIn, bot: Client) -> None:
    bot.make()
    api.records.clear()
    with client(api.address).github as another:
        assert another.pull_requests.find_open(BRANCH, "main")
    assert [(record.method, record.path) for record in api.records] == [
        ("GET", f"/repos/{NAME}"),
        ("GET", f"/repos/{NAME}/pulls"),
    ]


def test_pull_requests_of_other_branches_are_not_taken(bot: Client) -> None:
    bot.make()
    assert bot.github.pull_requests.find_open("other", "main") is None
    assert bot.github.pull_requests.find_open(BRANCH, "other") is None
    assert bot.github.pull_requests.find_open("refresh-main", "main") is None


def test_the_newest_is_found_whatever_its_state(api: StandIn, bot: Client) -> None:
    assert isinstance(api.world.branches, Tips)
    assert bot.github.pull_requests.find_newest(BRANCH, "main") is None
    bot.make()
    bot.github.pull_requests.close(1, None)
    bot.make()
    api.world.branches[NAME]["main"] = HEAD_SHA
    newest = bot.github.pull_requests.find_newest(BRANCH, "main")
    assert newest
    assert (newest.number, newest.state, newest.merged, newest.head_sha) == (2, "closed", True, HEAD_SHA)
    assert bot.github.pull_requests.find_open(BRANCH, "main") is None


def test_one_that_somebody_opened_meanwhile_is_given(api: StandIn, bot: Client, person: Client) -> None:
    assert (person.make("by hand"), bot.make("by us")) == (1, 1)
    assert [pull.title for pull in api.repository(NAME).pull_requests] == ["by hand"]


def test_a_branch_that_was_just_pushed_is_waited_for(api: StandIn, bot: Client) -> None:
    api.repository(NAME).unseen_pushes = 2
    assert bot.make() == 1
    assert bot.pauses == [1.0, 2.0]


def test_a_branch_that_never_shows_up_is_told_in_githubs_words(bot: Client) -> None:
    with pytest.raises(PublishError, match="Validation Failed; PullRequest head invalid") as caught:
        bot.github.pull_requests.create("nowhere", "main", "A title", "", draft=False)
    assert bot.pauses == [1.0, 2.0, 4.0, 8.0]
    assert caught.value.exit_code == Exit.PUBLISH_FAILED


def test_an_ordinary_one_is_opened_where_there_are_no_drafts(api: StandIn, bot: Client) -> None:
    api.repository(NAME).has_drafts = False
    assert bot.make(draft=True) == 1
    assert not api.repository(NAME).pull_requests[0].draft
    assert bot.notes == ["this repository has no draft pull requests: an ordinary one is opened"]
    assert bot.pauses == []


@pytest.mark.parametrize("status", [502, 0])
@pytest.mark.parametrize("done", [True, False])
def test_nothing_is_opened_twice_where_the_answer_is_lost(
    api: StandIn, bot: Client, status: int, *, done: bool
) -> None:
    api.fail(status, method="POST", done=done, times=2)
    assert bot.make() == 1
    assert len(api.repository(NAME).items) == 1
    assert len(api.writes()) == (1 if done else 3)


def test_text_is_replaced(api: StandIn, bot: Client) -> None:
    bot.make()
    bot.github.pull_requests.update(1, body="Another text.")
    item = api.repository(NAME).pull_requests[0]
    before = item.title
    assert item.body == "Another text."
    bot.github.pull_requests.update(1, body="More.", title="Another title")
    assert (item.body, item.title) == ("More.", "Another title") != ("More.", before)
    bot.github.pull_requests.add_labels(1, ["a", "b"])
    there = bot.github.pull_requests.find_open(BRANCH, "main")
    assert there
    assert (there.title, there.labels) == ("Another title", ("a", "b"))


def test_text_that_is_too_long_is_cut_with_a_sentence(api: StandIn, bot: Client) -> None:
    bot.make(body="line of ten\n" * 6000)
    body = api.repository(NAME).items[0].body or ""
    assert LONGEST_BODY - 100 < len(body) <= LONGEST_BODY
    assert body.splitlines()[-3:-1] == ["line of ten", ""]
    assert "The rest is left out" in body.splitlines()[-1]
    bot.github.pull_requests.update(1, body="x" * 70_000)
    assert len(api.repository(NAME).items[0].body or "") == LONGEST_BODY


def test_one_is_closed_with_a_comment(api: StandIn, bot: Client) -> None:
    bot.make()
    bot.github.pull_requests.close(1, "Nothing differs any more.")
    pull = api.repository(NAME).pull_requests[0]
    assert (pull.state, [comment.body for comment in pull.comments]) == ("closed", ["Nothing differs any more."])


def test_labels_and_reviewers(api: StandIn, bot: Client) -> None:
    api.repository(NAME).teams.add("docs")
    bot.make()
    bot.github.pull_requests.add_labels(1, ["documentation", "$(id)"])
    bot.github.pull_requests.request_reviewers(1, ["octocat", "octo/docs"])
    pull = api.repository(NAME).pull_requests[0]
    assert (pull.labels, pull.reviewers, pull.teams) == (["documentation", "$(id)"], ["octocat"], ["docs"])
    assert len(api.asked("POST", ".*/requested_reviewers")) == 1


def test_who_cant_be_asked_for_a_review_is_noted(api: StandIn, bot: Client) -> None:
    bot.make()
    bot.github.pull_requests.request_reviewers(1, ["nobody", "octocat", "octo/none", "github-actions[bot]"])
    assert api.repository(NAME).pull_requests[0].reviewers == ["octocat"]
    assert [note.partition(":")[0] for note in bot.notes] == [
        "nobody can't be asked for a review",
        "octo/none can't be asked for a review",
        "github-actions[bot] can't be asked for a review",
    ]


# --- comments and issues ---------------------------------------------------------------------------------------------


def test_one_comment_is_kept(api: StandIn, bot: Client) -> None:
    bot.make()
    kept = [bot.github.issues.keep_comment(1, MARKER, text) for text in ("first", "first", "second", "second")]
    assert kept == ["created", "unchanged", "updated", "unchanged"]
    assert [comment.body for comment in api.repository(NAME).items[0].comments] == [f"{MARKER}\nsecond"]
    assert len(api.writes()) == 3


def test_a_comment_that_is_not_there_is_not_made_unless_wanted(api: StandIn, bot: Client) -> None:
    bot.make()
    assert bot.github.issues.keep_comment(1, MARKER, "text", create=False) == "unchanged"
    assert bot.github.issues.keep_comment(1, MARKER, "text") == "created"
    assert bot.github.issues.keep_comment(1, MARKER, "more", create=False) == "updated"
    assert [comment.body for comment in api.repository(NAME).items[0].comments] == [f"{MARKER}\nmore"]


def test_a_comment_is_found_among_many_and_with_other_line_ends(api: StandIn, bot: Client) -> None:
    bot.make()
    comments = api.repository(NAME).items[0].comments
    comments += [Comment(Account(f"user-{number}", "User"), "Me too") for number in range(230)]
    comments.append(Comment(Account(), f"{MARKER}\r\nthe text\r\n"))
    assert bot.github.issues.keep_comment(1, MARKER, "the text") == "unchanged"
    assert len(api.asked("GET", ".*/comments")) == 3


def test_comments_of_others_are_never_touched(api: StandIn, bot: Client, person: Client) -> None:
    bot.make()
    comments = api.repository(NAME).items[0].comments
    comments.append(Comment(Account("mallory", "User"), f"{MARKER}\nmine"))
    comments.append(Comment(Account("helper[bot]"), f"I quote:\n{MARKER}"))
    assert bot.github.issues.keep_comment(1, MARKER, "ours") == "created"
    assert person.github.issues.keep_comment(1, MARKER, "ours") == "unchanged"
    assert [comment.body for comment in comments[:2]] == [f"{MARKER}\nmine", f"I quote:\n{MARKER}"]


def test_a_comment_by_the_tokens_owner_is_ours(api: StandIn, bot: Client, person: Client) -> None:
    bot.make()
    assert person.github.issues.keep_comment(1, MARKER, "first") == "created"
    assert person.github.issues.keep_comment(1, MARKER, "second") == "updated"
    assert len(api.repository(NAME).items[0].comments) == 1


@pytest.mark.parametrize("done", [True, False])
def test_no_comment_is_written_twice(api: StandIn, bot: Client, *, done: bool) -> None:
    bot.make()
    api.fail(502, method="POST", path=".*/comments", done=done)
    assert bot.github.issues.keep_comment(1, MARKER, "text") == "created"
    assert len(api.repository(NAME).items[0].comments) == 1


def test_one_issue_is_kept_while_it_lasts(api: StandIn, bot: Client) -> None:
    bot.make()  # issues and pull requests share their numbers
    made = bot.github.issues.keep(MARKER, "Nightly fails", "It failed.", ["ci"])
    again = bot.github.issues.keep(MARKER, "Nightly fails", "It failed again.", ["ci"])
    assert (made.number, made.created, again.number, again.created) == (2, True, 2, False)
    bot.github.issues.comment(2, "Still failing.")
    bot.github.issues.close(2, "It works again.")
    issue = api.repository(NAME).items[1]
    assert (issue.body, issue.labels) == (f"{MARKER}\nIt failed.", ["ci"])
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert [comment.body for comment in issue.comments] == ["Still failing.", "It works again."]
    assert bot.github.issues.find(MARKER) is None
    assert bot.github.issues.keep(MARKER, "Nightly fails", "It failed.", []).number == 3


def test_an_issue_that_a_person_marked_is_not_ours(api: StandIn, bot: Client) -> None:
    api.repository(NAME).items.append(Issue(1, "Mine", f"{MARKER}\n", Account("mallory", "User")))
    assert bot.github.issues.find(MARKER) is None


# --- refusals --------------------------------------------------------------------------------------------------------

REFUSALS = [
    (401, "Bad credentials", {}, "does not take the token: Bad credentials", "expired"),
    (
        403,
        "GitHub Actions is not permitted to create or approve pull requests.",
        {},
        "may not open",
        "Settings → Actions",
    ),
    (403, "Resource not accessible by integration", {}, "the token may not", "pull-requests: write"),
    (403, "Resource not accessible by personal access token", {}, "lacks a permission", "`Pull requests`"),
    (403, "Must have push access to the repository", {}, "lacks a right", "`repo`"),
    (403, "Repository was archived so is read-only.", {}, "is archived", "Unarchive"),
    (
        403,
        "Resource protected by organization SAML enforcement. You must grant your token access to this organization.",
        {"X-GitHub-SSO": "required; url=https://github.com/orgs/octo/sso?authorization_request=A"},
        "single sign-on",
        "Or open https://github.com/orgs/octo/sso?authorization_request=A",
    ),
    (
        403,
        "`octo` forbids access via a personal access token (classic).",
        {},
        "does not let this token in",
        "GITHUB_TOKEN",
    ),
    (403, "Something new", {}, "refuses to look for the pull request: Something new (status 403)", "kept"),
    (404, "Not Found", {}, "octo/reports or what was asked for", "`repo`"),
    (422, "Validation Failed", {}, "Validation Failed", "kept"),
    (451, "Repository access blocked", {}, "legal reasons", "page"),
]


@pytest.mark.parametrize(("status", "message", "headers", "what", "remedy"), REFUSALS, ids=lambda part: str(part)[:40])
def test_each_refusal_is_named_with_its_remedy(
    api: StandIn, bot: Client, status: int, message: str, headers: dict[str, str], what: str, remedy: str
) -> None:
    api.fail(status, message, headers=headers, path=".*/pulls")
    with pytest.raises(PublishError) as caught:
        bot.github.pull_requests.find_open(BRANCH, "main")
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.where == NAME
    assert len(api.asked(path=".*/pulls")) == 1
    assert bot.pauses == []


def test_what_the_stand_in_refuses_by_itself(api: StandIn, bot: Client) -> None:
    repository = api.repository(NAME)
    repository.actions_may_open_pull_requests = False
    with pytest.raises(PublishError, match="GitHub Actions may not open pull requests in octo/reports"):
        bot.make()
    repository.archived = True
    with pytest.raises(PublishError, match="archived"):
        bot.make()
    repository.archived = repository.has_issues = False
    with pytest.raises(PublishError, match="issues are switched off"):
        bot.github.issues.find(MARKER)
    api.world.tokens[BOT] = Account(permissions={"pull_requests": "read", "issues": "read"})
    with pytest.raises(PublishError, match="the token may not do this"):
        bot.make()


@pytest.mark.parametrize("token", ["", "ghs_expired"])
def test_a_token_that_is_not_known(api: StandIn, token: str) -> None:
    with client(api.address, token).github as github, pytest.raises(PublishError, match="does not take the token"):
        github.pull_requests.find_open(BRANCH, "main")


def test_a_repository_that_cant_be_seen(api: StandIn) -> None:
    with client(api.address, name="octo/none").github as github, pytest.raises(PublishError, match="octo/none"):
        github.pull_requests.find_open(BRANCH, "main")


# --- waiting ---------------------------------------------------------------------------------------------------------


def limited(
    api: StandIn, message: str, headers: dict[str, str] | None = None, *, status: int = 403, times: int = 1
) -> None:
    api.fail(status, message, headers=headers or {}, times=times, path=".*/pulls")


def test_a_rate_limit_is_waited_for_and_told(api: StandIn, bot: Client) -> None:
    reset = str(int(time.time()) + 40)
    message = "API rate limit exceeded for installation ID 1."
    limited(api, message, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    assert bot.make() == 1
    assert len(bot.pauses) == 1
    assert 39 <= bot.pauses[0] <= 41
    assert bot.notes[0].startswith("GitHub's rate limit is reached: waiting for ")


def test_a_limit_says_itself_how_long(api: StandIn, bot: Client) -> None:
    limited(api, "Too many requests", {"Retry-After": "7"}, status=429)
    limited(api, "You have exceeded a secondary rate limit.", {"Retry-After": "11"})
    assert bot.make() == 1
    assert bot.pauses == [7.0, 11.0]


def test_a_secondary_limit_without_a_time_is_waited_for_ever_longer(api: StandIn, bot: Client) -> None:
    limited(api, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", times=2)
    assert bot.make() == 1
    assert bot.pauses == [60.0, 120.0]


@pytest.mark.parametrize("headers", [{"Retry-After": "400"}, {}])
def test_waiting_has_an_end(api: StandIn, bot: Client, headers: dict[str, str]) -> None:
    limited(api, "You have exceeded a secondary rate limit.", headers, times=99)
    with pytest.raises(PublishError, match="it lasts another") as caught:
        bot.github.pull_requests.find_open(BRANCH, "main")
    assert sum(bot.pauses) <= LONGEST_WAIT
    assert "kept" in caught.value.remedy


def test_a_rate_limit_is_never_taken_for_a_missing_right(api: StandIn, bot: Client) -> None:
    bot.make()
    api.fail(403, "API rate limit exceeded", headers={"retry-after": "400"}, times=9, path=".*/requested.*")
    with pytest.raises(PublishError, match="rate limit"):
        bot.github.pull_requests.request_reviewers(1, ["octocat"])


def test_failures_are_tried_again(api: StandIn, bot: Client) -> None:
    api.fail(502, times=2)
    api.fail(0)
    assert bot.github.pull_requests.find_open(BRANCH, "main") is None
    assert bot.pauses == [1.0, 3.0, 9.0]


def test_a_server_that_goes_on_failing(api: StandIn, bot: Client) -> None:
    api.fail(503, "Service unavailable", times=99)
    with pytest.raises(PublishError, match="GitHub fails to look at the repository: status 503"):
        bot.github.pull_requests.find_open(BRANCH, "main")
    assert len(api.records) == 4


def test_a_server_that_is_not_there_is_named_without_the_token() -> None:
    nobody = client("http://127.0.0.1:9")
    with nobody.github as github, pytest.raises(PublishError, match="can't be reached") as caught:
        github.pull_requests.find_open(BRANCH, "main")
    assert caught.value.where == "http://127.0.0.1:9"
    assert BOT not in f"{caught.value.what}{caught.value.details}{caught.value.remedy}"


# --- addresses -------------------------------------------------------------------------------------------------------


def test_enterprise_server_has_its_api_below_a_path(api: StandIn) -> None:
    api.address += "/api/v3"
    enterprise = client(f"{api.address}/")
    with enterprise.github as github:
        assert enterprise.make() == 1
        github.pull_requests.update(1, body="text")
        assert github.issues.keep_comment(1, MARKER, "text") == "created"
        assert github.issues.keep_comment(1, MARKER, "more") == "updated"


def test_answers_that_name_another_server_are_not_followed(api: StandIn, bot: Client) -> None:
    api.address = "http://127.0.0.1:9"
    with pytest.raises(PublishError, match="what answers is not GitHub's API"):
        bot.make()
    assert len(api.records) == 1


def test_nothing_is_imported_before_something_is_asked() -> None:
    program = """
import sys
from gpu_doc.github import client, event
client.GitHub("octo/reports", "token", api_url="http://127.0.0.1:9", note=print).close()
sys.exit(" ".join({"github", "requests", "jwt", "cryptography"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""
