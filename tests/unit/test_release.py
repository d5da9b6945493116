"""What can be released, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.release import ReleaseError, _other_majors, check, major_tag, notes, version_of

TOP = Path(__file__).parents[2]
CHANGES = """\
# Changelog

What users notice.

## {newest}

### Runs

- A new thing.

## 1.0.0 (2026-01-01)

- Old.
"""


def made(top: Path, version: str, changes: str = "", *, user: str = "v1") -> Path:
    files = {
        "entrypoint/gpu_doc/__init__.py": f'"""What it is."""\n\n__version__ = "{version}"\n',
        "CHANGELOG.md": changes or CHANGES.format(newest=f"{version} (2026-02-02)"),
        "README.md": f"  - uses: org/gpu-doc-action@{user}\n",
        "workflows/push.yml": f"    uses: org/gpu-doc-action/.github/workflows/refresh.yml@{user}\n",
    }
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return top


def test_the_version_that_packages_have_is_the_one_that_is_released() -> None:
    from gpu_doc import __version__

    assert version_of(TOP) == __version__


@pytest.mark.parametrize(
    ("version", "major"), [("1.1.0", "v1"), ("2.0.0", "v2"), ("12.0.1", "v12"), ("1.1.0rc1", ""), ("0.9.0", "")]
)
def test_only_what_people_follow_moves_the_major_tag(tmp_path: Path, version: str, major: str) -> None:
    assert major_tag(version) == major
    top = made(tmp_path, version, user=major or "v1")
    assert check(top) == [f"tag=v{version}", f"major={major}"]


@pytest.mark.parametrize("version", ["", "1.2", "1.2.3.dev0", "v1.2.3", "1.2.3\\n4"])
def test_other_versions_are_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(ReleaseError, match="no version"):
        check(made(tmp_path, version))


def test_notes_are_the_newest_section_alone(tmp_path: Path) -> None:
    assert notes(made(tmp_path, "1.1.0")) == "### Runs\n\n- A new thing.\n"
    last = "# Changelog\n\n## 1.0.0\n\n- The first"
    assert notes(made(tmp_path, "1.0.0", last)) == "- The first\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (CHANGES.format(newest="Unreleased"), "is `Unreleased`, the version is `1.1.0`"),
        (CHANGES.format(newest="1.1.01"), "is `1.1.01`"),
        ("# Changelog\n", "is none"),
        ("# Changelog\n\n## 1.1.0\n\n## 1.0.0\n\n- Old.\n", "says nothing of 1.1.0"),
    ],
)
def test_changes_that_are_not_told_are_asked_for(tmp_path: Path, changes: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        check(made(tmp_path, "1.1.0", changes))


def test_what_users_copy_follows_the_tag_that_moves(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="v2, but others") as raised:
        check(made(tmp_path, "2.0.0", user="v1"))
    assert "README.md: org/gpu-doc-action@v1" in str(raised.value)
    assert "workflows/push.yml: org/gpu-doc-action/.github/workflows/refresh.yml@v1" in str(raised.value)


def test_all_that_users_copy_here_names_one_tag() -> None:
    assert _other_majors(TOP, "v1") == []
    assert len(_other_majors(TOP, "v2")) > 10
