"""Signals that ask us to end, where Python itself would lose them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ASKED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)\n"
"""What a module does while it is imported."""

MAIN = """
import sys, threading
from gpu_doc import interrupts
interrupts.heed()
sys.path.insert(0, sys.argv[1])
try:
    import asked
    threading.Event().wait(60)
except KeyboardInterrupt:
    # Were a lock of the import system still held, this thread would wait for ever.
    other = threading.Thread(target=__import__, args=("other",), daemon=True)
    other.start()
    other.join(60)
    print("interrupted", asked.done, "other" in sys.modules)
"""


@pytest.mark.parametrize(
    "module",
    [
        f"{ASKED}done = True",
        f"try:\n  {ASKED}\nexcept BaseException: pass\ndone = True",
        f"class Gone:\n  def __del__(self):\n    {ASKED}\nGone()\ndone = True",
    ],
    ids=["plain", "swallowed", "ignored"],
)
def test_an_import_is_ended_before_an_interrupt_is_heeded(tmp_path: Path, module: str) -> None:
    (tmp_path / "asked.py").write_text(module)
    (tmp_path / "other.py").touch()
    command = [sys.executable, "-c", MAIN, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted True True\n", "")


LOST = """
import os, signal, time
from contextlib import suppress
from gpu_doc import interrupts

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def swallows():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        pass

interrupts.heed()
try:
    try:
        {loses}
        time.sleep(60)
    finally:
        with suppress(OSError):
            raise OSError
        try:
            raise ValueError
        except ValueError:
            time.sleep(2)  # several looks whether the interrupt was lost
        print("cleared up", end=" ")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("loses", ["swallows()", "Finalized()"])
def test_an_interrupt_that_was_lost_comes_again_and_disturbs_no_clearing_up(loses: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST.format(loses=loses)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout == "cleared up interrupted\n"
