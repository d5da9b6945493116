from __future__ import annotations

from pathlib import Path

import pytest

from gpu_doc.errors import Exit, MachineError
from gpu_doc.pictures.browser import find_chromium


def program(path: Path, text: str = "#!/bin/sh\nexec true\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_an_explicit_path_comes_first(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine")
    program(tmp_path / "bin/chromium")
    environ = {"PATH": str(tmp_path / "bin")}
    assert find_chromium(str(mine), environ) == mine
    assert find_chromium(None, {**environ, "GPU_DOC_CHROMIUM": str(mine)}) == mine


def test_the_headless_shell_is_preferred(tmp_path: Path) -> None:
    program(tmp_path / "google-chrome")
    program(tmp_path / "chromium")
    shell = program(tmp_path / "chromium-headless-shell")
    assert find_chromium(None, {"PATH": str(tmp_path)}) == shell


def test_the_stub_of_a_snap_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "chromium-browser", "#!/bin/sh\nif ! [ -x /snap/bin/chromium ]; then exit 1; fi\n")
    chrome = program(tmp_path / "google-chrome")
    assert find_chromium(None, {"PATH": str(tmp_path)}) == chrome


def test_what_pyppeteer_downloaded_is_found(tmp_path: Path) -> None:
    chrome = program(tmp_path / ".local/share/pyppeteer/local-chromium/1181205/chrome-linux/chrome")
    assert find_chromium(None, {"PATH": str(tmp_path), "HOME": str(tmp_path)}) == chrome


@pytest.mark.parametrize("explicit", [None, "/nowhere/chromium"])
def test_none_is_an_error_with_a_remedy(tmp_path: Path, explicit: str | None) -> None:
    with pytest.raises(MachineError) as failure:
        find_chromium(explicit, {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert failure.value.exit_code is Exit.MACHINE_LACKS
    assert "apt-get install chromium" in failure.value.remedy
    assert "GPU_DOC_CHROMIUM" in failure.value.remedy
