from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_doc.git.commits import Commit, Remote, parsed, sealed

SOURCE, PARENT, TREE = "a" * 40, "b" * 40, "c" * 40
TRAILERS = ["Gpu-Doc-Source: " + SOURCE, "Gpu-Doc-Seal: "]

RAW = f"""\
tree {TREE}
parent {PARENT}
author Ä Person <a@example.org> 1790000000 +0200
committer B <b@example.org> 1790000000 +0200
gpgsig -----BEGIN SSH SIGNATURE-----
 parent {SOURCE}
 -----END SSH SIGNATURE-----

A title

Why it is so.
""".encode()


def test_a_commit_is_read_from_its_object() -> None:
    found = parsed("d" * 40, RAW)
    assert found == Commit(
        sha="d" * 40,
        parents=(PARENT,),
        tree=TREE,
        message="A title\n\nWhy it is so.\n",
        author="Ä Person <a@example.org>",
    )


@pytest.mark.parametrize("raw", [RAW.replace(b"\xc3\x84", b"\xc4"), RAW.partition(b"\n\n")[0] + b"\n\n"])
def test_any_bytes_are_read(raw: bytes) -> None:
    assert parsed("d" * 40, raw).parents == (PARENT,)


def ours(message: str) -> Commit:
    text = sealed(message, source=SOURCE, parent=PARENT, tree=TREE)
    return Commit(sha="d" * 40, parents=(PARENT,), tree=TREE, message=text, author="A <a>")


MESSAGES = [
    ("docs: refresh results", "docs: refresh results\n\n"),
    ("docs: refresh\n\nWhy.\n", "docs: refresh\n\nWhy.\n\n"),
    ("docs: refresh\n\nSigned-off-by: A <a>", "docs: refresh\n\nSigned-off-by: A <a>\n"),
    ("docs: refresh\n\nA-b: c\n  continued\n\n\n", "docs: refresh\n\nA-b: c\n  continued\n"),
    ("t\n\nSee: this\nand that", "t\n\nSee: this\nand that\n\n"),
    ("t\n\n# a heading", "t\n\n# a heading\n\n"),
    ("t\n\n---\n\nbelow a line", "t\n\n---\n\nbelow a line\n\n"),
    ("", ""),
]


@pytest.mark.parametrize(("message", "before"), MESSAGES)
def test_trailers_stand_at_the_end(message: str, before: str) -> None:
    commit = ours(message)
    assert commit.message.startswith(before)
    last = commit.message.splitlines()[-2:]
    assert [line.startswith(trailer) for line, trailer in zip(last, TRAILERS, strict=True)] == [True, True]
    assert commit.message.endswith("\n")
    if message:
        assert (commit.source, commit.intact) == (SOURCE, True)


def test_what_somebody_changed_is_no_longer_ours() -> None:
    commit = ours("docs: refresh")
    assert commit.intact
    assert not replace(commit, tree="e" * 40).intact
    assert not replace(commit, parents=("e" * 40,)).intact
    assert not replace(commit, parents=(PARENT, SOURCE)).intact
    assert not replace(commit, parents=()).intact


@pytest.mark.parametrize("message", ["docs: refresh", "t\n\nbody", f"Gpu-Doc-Source: {SOURCE}", ""])
def test_other_commits_are_not_ours(message: str) -> None:
    commit = Commit(sha="d" * 40, parents=(PARENT,), tree=TREE, message=message, author="A <a>")
    assert (commit.source, commit.intact) == (None, False)


def test_a_message_cannot_pretend_to_have_another_source() -> None:
    commit = ours(f"t\n\nGpu-Doc-Source: {'e' * 40}\nGpu-Doc-Seal: 0")
    assert (commit.source, commit.intact) == (SOURCE, True)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Remote(url="https://example.org/a/b", token="secret"))
