"""A configuration file (`--config`) for IPython's kernel: nobody answers a cell's `!command`, and nobody debugs.

IPython gives such a command a pseudo-terminal in which nobody types: `!less` or `!pip uninstall` would wait for ever.
Runs in the user's Python: nothing of ours can be imported, and an IPython that differs from those known is left alone.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any

unattended = runpy.run_path(str(Path(__file__).with_name("unattended.py")))


def change(handler: Any) -> None:
    """Change how IPython's handler starts a `!command`, when it is used for the first time.

    It looks up its shell just before it starts one, with pexpect, which is not imported before.
    """
    shell = handler.sh.fget

    def look(self: Any) -> Any:
        handler.sh = property(shell)
        import pexpect  # type: ignore[import-untyped]  # comes with IPython, has no types

        start = pexpect.spawn.__init__

        def start_unattended(self: Any, *words: Any, **how: Any) -> None:
            ours = sys._getframe(1).f_globals.get("__name__") == handler.__module__  # noqa: SLF001 - whose call it is
            start(self, *words, **({"preexec_fn": unattended["ask_nobody"], **how} if ours else how))
            if ours:
                threading.Thread(target=_watch, args=(self,), daemon=True).start()

        pexpect.spawn.__init__ = start_unattended
        return shell(self)

    handler.sh = property(look)


def _watch(child: Any) -> None:
    """While a command runs, end processes that wait for a key in its terminal."""
    terminal = os.dup(child.child_fd)
    while not child.closed and _runs(child.pid):
        unattended["hang_up"](terminal, child.pid)
        time.sleep(unattended["LOOK"])
    os.close(terminal)


def _runs(pid: int) -> bool:
    """Return whether a process still runs: a zombie's command line is empty."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _handler() -> Any:
    try:
        from IPython.utils._process_posix import ProcessHandler
    except ImportError:
        return None
    return ProcessHandler if isinstance(getattr(ProcessHandler, "sh", None), property) else None


def _leave_out_debugger() -> None:
    """Keep the kernel from loading debugpy, which takes a third of its start. A cell can import it as ever."""
    if "ipykernel.debugger" in sys.modules or "debugpy" in sys.modules:
        return
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # the import system's sign for "there is none"
    try:
        importlib.import_module("ipykernel.debugger")  # looks once whether there is a debugger
    except ImportError:
        pass
    finally:
        del sys.modules["debugpy"]


def _tell_texts_from_paths() -> None:
    """Tell the watcher when IPython asks of a text that it displays whether a file has that name."""
    try:
        from IPython.core import display
    except ImportError:
        return
    exists = getattr(display, "_safe_exists", None)
    if exists is None:
        return

    def ask(path: Any) -> Any:
        sys.audit("gpu_doc.displays")
        try:
            return exists(path)
        finally:
            sys.audit("gpu_doc.displayed")

    display._safe_exists = ask  # noqa: SLF001 - nothing public tells the two apart


if found := _handler():
    change(found)
_leave_out_debugger()
_tell_texts_from_paths()
