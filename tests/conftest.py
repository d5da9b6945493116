"""What all rooms share: a test says what it needs, and a machine that lacks it hears so.

`@pytest.mark.needs("chromium")` skips the test where there is none, with that reason; where CI=true it fails instead
if `scripts/set-up` should have brought it. A module says it once: `pytestmark = pytest.mark.needs("chromium")`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.components import require

# A busy machine is no failure of what is tested.
settings.register_profile("without clocks", deadline=None)
settings.load_profile("without clocks")

# With PYTHONDONTWRITEBYTECODE set, each of pytest's processes would compile all tests anew: 4 s of processor time. What
# tests start keeps to that variable.
sys.dont_write_bytecode = False

pytest_plugins = [
    "tests.integration.engines",
    "tests.integration.git_server",
    "tests.integration.registries",
    "tests.integration.each_engine",
    "tests.integration.users",
    "tests.standin.fixtures",
]

# A shell starts what it puts into the background with SIGINT ignored, and nohup all with SIGHUP; what we start would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder where bringing a file to the disk takes no time: for tests that do it hundreds of times."""
    there = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=there if os.access(there, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)
