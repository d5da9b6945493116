from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gpu_doc.outside.chromium import sandbox_closed
from gpu_doc.stages.doctor import examine
from gpu_doc.stages.examining.finding import Finding


def chromium(environ: dict[str, str], cwd: Path) -> Finding:
    return next(finding for finding in examine(None, environ, cwd) if finding.component == "Chromium")


@pytest.mark.needs("chromium")
def test_chromium_is_started_and_its_sandbox_accounted_for(tmp_path: Path) -> None:
    finding = chromium(dict(os.environ), tmp_path)
    assert finding.state == "ok"
    assert re.search(r"\d+\.\d+\.\d+\.\d+ at /\S+ starts", finding.says)
    assert ("--no-sandbox" in finding.says) == sandbox_closed()


def test_a_chromium_that_does_not_start_is_no_chromium(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    finding = chromium({**os.environ, "GPU_DOC_CHROMIUM": str(broken)}, tmp_path)
    assert finding.state == "warning"
    assert "libnss3.so" in finding.says
    assert finding.remedy
