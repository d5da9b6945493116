"""Finds Chromium, starts it without access to network and disk, and removes all that it leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gpu_doc.errors import MachineError
from gpu_doc.pictures import fonts
from gpu_doc.system.temporary import private_folder

if TYPE_CHECKING:
    import psutil

REMEDY = "install one (Debian: apt-get install chromium), or name its path in the variable GPU_DOC_CHROMIUM"
_NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
_UNWANTED = (
    # The address bar's popup is a page, and the spare renderer a process: together half of the start-up time.
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
    "AutofillServerCommunication",
    "DialMediaRouteProvider",
    "MediaRouter",
    "OptimizationHints",
    "Translate",
)
_FLAGS = (
    "--headless",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    # The same pixels on every machine and at every start.
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--disable-checker-imaging",
    "--disable-partial-raster",
    "--force-prefers-reduced-motion",
    "--lang=en-US",
    # No network. Popups and workers don't inherit offline mode or Fetch, but they use a proxy that does not answer.
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
    # Our pages need none of these.
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-hang-monitor",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-notifications",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-dev-shm-usage",  # containers have 64 MB there, and a full one crashes the page
    f"--disable-features={','.join(_UNWANTED)}",
)
_SOCKET_NAME = 50
"""Bytes kept free for the path of Chromium's socket below its temporary folder."""
_HANDED_ON = ("PATH", "HOME", "LD_LIBRARY_PATH", "XDG_DATA_HOME", "XDG_CACHE_HOME")


def find_chromium(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Return the Chromium to use: an explicit path (else GPU_DOC_CHROMIUM), an installed one, or pyppeteer's download.

    Raises MachineError, with a remedy, if there is none, or if the explicit path is not a program.
    """
    explicit = explicit or environ.get("GPU_DOC_CHROMIUM")
    if explicit:
        return _program(explicit)
    for found in _on_path(environ.get("PATH", os.defpath)):
        return found
    downloads = Path(environ.get("PYPPETEER_HOME") or _data_home(environ) / "pyppeteer") / "local-chromium"
    for found in sorted(downloads.glob("*/chrome-linux*/chrome"), reverse=True):
        return found
    raise MachineError("No Chromium was found on this machine.", remedy=REMEDY)


def sandbox_closed() -> bool:
    """Return whether Chromium's own sandbox can't work here: as root, or if user namespaces are forbidden."""
    if os.geteuid() == 0:
        return True
    unwanted = {"kernel/unprivileged_userns_clone": "0", "kernel/apparmor_restrict_unprivileged_userns": "1"}
    for name, closed in unwanted.items():
        setting = Path("/proc/sys") / name
        if setting.is_file() and setting.read_text().strip() == closed:
            return True
    try:  # containers forbid them by a filter on system calls, which no setting shows
        return subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode != 0
    except OSError:
        return True


def flags_for(scale: int) -> list[str]:
    """Return the command line for pictures of `scale` device pixels per CSS pixel.

    The scale must be set here. If it is emulated later, Chromium may have set up its fonts before: on a busy machine,
    one start of ten had lines a pixel higher.
    """
    return [*_FLAGS, f"--force-device-scale-factor={scale}", *(["--no-sandbox"] if sandbox_closed() else [])]


def _program(explicit: str) -> Path:
    found = shutil.which(explicit)
    if found is None:
        raise MachineError(f"{explicit} is not a program that can be run as Chromium.", remedy=REMEDY)
    return Path(found)


def _on_path(search: str) -> Iterator[Path]:
    for name in _NAMES:
        found = shutil.which(name, path=search)
        if found and not _is_snap(Path(found)):
            yield Path(found)


def _is_snap(program: Path) -> bool:
    """Return whether it is a snap, or Ubuntu's script that starts one: a snap can't read our profile folder."""
    if "snap" in program.resolve().parts:
        return True
    with program.open("rb") as file:
        start = file.read(4096)
    return start.startswith(b"#!") and b"/snap/" in start


def _data_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "/")) / ".local/share")


class ChromiumProcess:
    """A headless Chromium with its own profile folder. The end of the `with` kills it and all its children.

    It gets only those of our variables that help to find programs, no tokens; and our fonts, not the machine's.
    """

    def __init__(self, executable: Path, environ: Mapping[str, str], *, scale: int) -> None:
        self._executable = executable
        self._scale = scale
        self._environ = {name: environ[name] for name in _HANDED_ON if name in environ}
        self._fonts = fonts.folders(environ)
        self._stack = ExitStack()
        self._profile = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ChromiumProcess:
        self._profile = self._stack.enter_context(private_folder(room=_SOCKET_NAME))
        # What it writes to a temporary folder lies in the profile, and is removed with it.
        environ = {**self._environ, "TMPDIR": str(self._profile), "LANG": "C.UTF-8", "TZ": "UTC"}
        environ["FONTCONFIG_FILE"] = str(fonts.configured(self._fonts, self._profile))
        flags = [*flags_for(self._scale), f"--user-data-dir={self._profile}"]
        with (self._profile / "stderr").open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*_tied_to_us(), str(self._executable), *flags, "about:blank"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environ,
                    start_new_session=True,  # Ctrl-C must reach only us; then we close it
                )
            except OSError as error:
                self.__exit__(None, None, None)
                raise MachineError(f"{self._executable} could not be started: {error}", remedy=REMEDY) from error
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._process is not None:
            _kill_tree(self._process)
            self._process = None
        self._stack.close()

    def memory(self) -> int:
        """Give the bytes that all of its processes hold."""
        return sum(_resident(child) for child in self._tree())

    def end_children(self) -> None:
        """Kill what draws pages, and all else but the browser itself."""
        for child in self._tree()[1:]:
            _kill(child)

    def _tree(self) -> list[psutil.Process]:
        import psutil

        if self._process is None:
            return []
        try:
            own = psutil.Process(self._process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def address(self, seconds: float) -> str:
        """Wait for the address of its DevTools protocol. Raises MachineError if it does not start within `seconds`."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        port = self._profile / "DevToolsActivePort"
        while time.monotonic() < deadline and self._process.poll() is None:
            lines = port.read_text().splitlines() if port.is_file() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.005)
        raise MachineError(
            f"{self._executable} does not start.", remedy=REMEDY, details=_tail(self._profile / "stderr", lines=12)
        )


def _tied_to_us() -> list[str]:
    """Return the command that makes Linux kill Chromium if we are killed: util-linux's setpriv, if installed.

    Linux kills it when the thread that started it ends. So that thread must live as long as the browser.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _tail(file: Path, lines: int) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill it at once: a page that hangs would never let the browser close, and there is nothing to save."""
    import psutil

    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.kill()
    for child in children:
        _kill(child)
    process.wait()
    deadline = time.monotonic() + 5
    while any(_runs(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.005)


def _kill(process: psutil.Process) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        process.kill()


def _resident(process: psutil.Process) -> int:
    """Bytes that a process holds by itself; libraries are shared by all."""
    import psutil

    try:
        held = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(held.rss) - int(getattr(held, "shared", 0))


def _runs(process: psutil.Process) -> bool:
    """Return whether it still runs. A zombie does not: the first process of a container may never reap it."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
