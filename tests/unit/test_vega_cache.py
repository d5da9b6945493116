"""The script of Vega in the user's cache: whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc.pictures.vega import _keep


def test_a_script_is_kept_whole(tmp_path: Path) -> None:
    _keep(tmp_path / "scripts/a.js", b"script")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "scripts").iterdir()] == [("a.js", b"script")]


def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    _keep(tmp_path / "a.js", b"script")
    assert list(tmp_path.iterdir()) == []
