"""The stand-in for one test, over the repositories of its git server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components import require
from tests.integration.git_server import WRITER, GitServer
from tests.standin.server import StandIn, serving
from tests.standin.state import Account, GitFolder


@pytest.fixture
def github_api(git_server: GitServer) -> Iterator[StandIn]:
    """GitHub's API, which takes the git server's token for GITHUB_TOKEN.

    A request or an answer that is not as GitHub describes it fails the test.
    """
    require("node")
    with serving(StandIn(GitFolder(git_server.folder), {WRITER: Account()})) as stand_in:
        yield stand_in
    assert stand_in.mismatches() == []
