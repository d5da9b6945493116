"""The stand-in as a process: `python -m tests.standin --git ROOT [--port P] [--token TOKEN=LOGIN]... [--record FILE]`.

It prints its address when it listens, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.standin.server import StandIn, serving
from tests.standin.state import Account, GitFolder


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument(
        "--git", type=Path, required=True, metavar="ROOT", help="bare repositories: ROOT/owner/name.git"
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--token", action="append", default=[], metavar="TOKEN=LOGIN", help="a login in [bot] is an App's"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="gets a line of JSON for each request")
    args = parser.parse_args()
    tokens = dict(_account(word) for word in args.token)
    with serving(StandIn(GitFolder(args.git), tokens, args.record), args.port) as stand_in:
        print(stand_in.address, flush=True)  # noqa: T201 - whoever started it waits for this line
        sys.stdin.read()


def _account(word: str) -> tuple[str, Account]:
    token, _, login = word.partition("=")
    return token, Account(login, "Bot" if login.endswith("[bot]") else "User")


main()
