"""The bodies of answers, with every field that GitHub's description requires."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from zlib import crc32

from tests.standin.state import Account, Comment, Issue, PullRequest, Repository

Body = dict[str, Any]

_REPOSITORY_LINKS = """
    archive assignees blobs branches collaborators comments commits compare contents contributors deployments
    downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels
    languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams
    trees
""".split()  # noqa: SIM905 - a list literal of so many would fill a page
_USER_LINKS = """
    events followers following gists organizations received_events repos starred subscriptions avatar
""".split()  # noqa: SIM905 - a list literal of so many would fill a page


def error(status: int, message: str, errors: list[Body] | None = None) -> Body:
    """What a refusal says."""
    shown = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return shown | ({"errors": errors} if errors else {})


class Bodies:
    """Makes bodies whose links lead to the stand-in."""

    def __init__(self, address: str) -> None:
        """`address` is where the API is asked: `http://127.0.0.1:4020`."""
        self.address = address

    def user(self, account: Account) -> Body:
        """An account, as it stands in other bodies."""
        url = f"{self.address}/users/{quote(account.login)}"
        return {
            **{f"{name}_url": f"{url}/{name}" for name in _USER_LINKS},
            "id": crc32(account.login.encode()),
            "node_id": f"U_{account.login}",
            "login": account.login,
            "gravatar_id": "",
            "url": url,
            "html_url": url,
            "type": account.kind,
            "site_admin": False,
        }

    def myself(self, account: Account) -> Body:
        """The account that a token belongs to, asking for itself."""
        unknown = dict.fromkeys(["name", "company", "blog", "location", "email", "hireable", "bio"])
        counts = dict.fromkeys(["public_repos", "public_gists", "followers", "following"], 0)
        times = dict.fromkeys(["created_at", "updated_at"], "2020-01-01T00:00:00Z")
        return {**self.user(account), **unknown, **counts, **times, "user_view_type": "public"}

    def repository(self, repository: Repository, account: Account) -> Body:
        """A repository in full."""
        owner, _, name = repository.full_name.partition("/")
        url, html = self._url(repository), f"{self.address}/{repository.full_name}"
        pushes = account.kind == "User" and account.may_write("contents")
        counts = ["forks", "open_issues", "watchers", "stargazers", "network", "subscribers"]
        return {
            **{f"{link}_url": f"{url}/{link}" for link in _REPOSITORY_LINKS},
            **{f"{link}_url": f"{html}.git" for link in ("clone", "git", "ssh", "svn")},
            **{f"{count}_count": 0 for count in counts},
            **dict.fromkeys(["forks", "open_issues", "watchers", "size"], 0),
            **dict.fromkeys(["has_projects", "has_wiki", "has_pages", "has_discussions", "has_downloads"], False),
            **dict.fromkeys(["private", "fork", "disabled"], False),
            **dict.fromkeys(["description", "homepage", "language", "mirror_url", "license"]),
            **dict.fromkeys(["pushed_at", "created_at", "updated_at"], "2026-01-01T00:00:00Z"),
            "id": repository.id,
            "node_id": f"R_{repository.id}",
            "name": name,
            "full_name": repository.full_name,
            "owner": self.user(Account(owner, "User")),
            "url": url,
            "html_url": html,
            "default_branch": repository.default_branch,
            "archived": repository.archived,
            "has_issues": repository.has_issues,
            # To the token of an App GitHub says no of everything.
            "permissions": {"admin": False, "maintain": False, "push": pushes, "triage": pushes, "pull": pushes},
        }

    def label(self, repository: Repository, name: str) -> Body:
        """A label."""
        number = crc32(name.encode())
        return {
            "id": number,
            "node_id": f"LA_{number}",
            "url": f"{self._url(repository)}/labels/{number}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def comment(self, repository: Repository, item: Issue, comment: Comment) -> Body:
        """A comment."""
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{self._url(repository)}/issues/comments/{comment.id}",
            "html_url": f"{self._page(repository, item)}#issuecomment-{comment.id}",
            "issue_url": f"{self._url(repository)}/issues/{item.number}",
            "body": comment.body,
            "user": self.user(comment.author),
            "created_at": comment.created,
            "updated_at": comment.updated,
            "author_association": "NONE",
        }

    def issue(self, repository: Repository, item: Issue) -> Body:
        """An issue; a pull request too, as the API of issues shows it."""
        url, page = f"{self._url(repository)}/issues/{item.number}", self._page(repository, item)
        pull = f"{self._url(repository)}/pulls/{item.number}"
        links = {"url": pull, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        return {
            **self._common(repository, item),
            "url": url,
            "repository_url": self._url(repository),
            "labels_url": f"{url}/labels",
            "events_url": f"{url}/events",
            "comments": len(item.comments),
            **({"state_reason": item.state_reason} if item.state_reason else {}),  # GitHub's list of them lacks null
            **({"pull_request": links} if isinstance(item, PullRequest) else {}),
        }

    def pull_request(self, repository: Repository, pull: PullRequest, *, whole: bool) -> Body:
        """A pull request, as it stands in lists or, whole, by itself."""
        url, page = f"{self._url(repository)}/pulls/{pull.number}", self._page(repository, pull)
        links = {
            "self": url,
            "html": page,
            "issue": f"{self._url(repository)}/issues/{pull.number}",
            "comments": f"{self._url(repository)}/issues/{pull.number}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{url}/comments/1",
            "commits": f"{url}/commits",
            "statuses": f"{self._url(repository)}/statuses/{pull.head_sha}",
        }
        body = {
            **self._common(repository, pull),
            **{f"{name}_url": link for name, link in links.items() if name not in ("self", "html")},
            "url": url,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "_links": {name: {"href": link} for name, link in links.items()},
            "head": self._end(repository, pull.head, pull.head_sha),
            "base": self._end(repository, pull.base, pull.base_sha),
            "draft": pull.draft,
            "merged_at": pull.merged,
            "merge_commit_sha": None,
            "auto_merge": None,
            "requested_reviewers": [self.user(Account(login, "User")) for login in pull.reviewers],
            "requested_teams": [self._team(repository, slug) for slug in pull.teams],
        }
        return {**body, **self._details(pull)} if whole else body

    def _details(self, pull: PullRequest) -> Body:
        return {
            **dict.fromkeys(["additions", "deletions", "changed_files", "commits", "review_comments"], 1),
            "comments": len(pull.comments),
            "merged": pull.merged is not None,
            "merged_by": None,
            "mergeable": True,
            "mergeable_state": "clean",
            "maintainer_can_modify": False,
        }

    def _common(self, repository: Repository, item: Issue) -> Body:
        return {
            "id": item.id,
            "node_id": f"I_{item.id}",
            "number": item.number,
            "title": item.title,
            "body": item.body,
            "state": item.state,
            "locked": False,
            "user": self.user(item.author),
            "labels": [self.label(repository, name) for name in item.labels],
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "html_url": self._page(repository, item),
            "comments_url": f"{self._url(repository)}/issues/{item.number}/comments",
            "created_at": item.created,
            "updated_at": item.updated,
            "closed_at": item.closed,
            "author_association": "NONE",
        }

    def _end(self, repository: Repository, branch: str, sha: str) -> Body:
        return {
            "label": f"{repository.owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(Account(repository.owner, "User")),
            "repo": self.repository(repository, Account()),
        }

    def _team(self, repository: Repository, slug: str) -> Body:
        url = f"{self.address}/orgs/{repository.owner}/teams/{slug}"
        return {
            "id": crc32(slug.encode()),
            "node_id": f"T_{slug}",
            "url": url,
            "html_url": url,
            "members_url": f"{url}/members",
            "repositories_url": f"{url}/repos",
            "name": slug,
            "slug": slug,
            "description": None,
            "permission": "push",
            "parent": None,
            "type": "organization",
        }

    def _url(self, repository: Repository) -> str:
        return f"{self.address}/repos/{repository.full_name}"

    def _page(self, repository: Repository, item: Issue) -> str:
        kind = "pull" if isinstance(item, PullRequest) else "issues"
        return f"{self.address}/{repository.full_name}/{kind}/{item.number}"
