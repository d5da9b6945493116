"""Finding a Chromium, starting it shut off from network and disk, and leaving nothing of it behind."""

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
from gpu_doc.system.temporary import private_folder

if TYPE_CHECKING:
    import psutil

REMEDY = "install one (Debian: apt-get install chromium), or name its path in the variable GPU_DOC_CHROMIUM"
_NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
_UNWANTED = (
    # The address bar's popup is a page of its own, and the spare one a process: half of the time that a start takes.
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
    # No way out. Popups and workers inherit neither offline mode nor Fetch, a proxy that does not answer they do.
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
    # Nothing that a page of ours needs.
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
"""Bytes of the path of Chromium's socket below its temporary folder, with room to spare."""
_HANDED_ON = (
    "PATH",
    "HOME",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
)


def find_chromium(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Give the Chromium to use: an explicit path (else GPU_DOC_CHROMIUM), the machine's own, or pyppeteer's download.

    Raises MachineError with a remedy where there is none, and where the explicit path is not a program.
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
    """Tell whether Chromium's own sandbox cannot work here: as root, or where user namespaces are closed."""
    if os.geteuid() == 0:
        return True
    unwanted = {"kernel/unprivileged_userns_clone": "0", "kernel/apparmor_restrict_unprivileged_userns": "1"}
    for name, closed in unwanted.items():
        setting = Path("/proc/sys") / name
        if setting.is_file() and setting.read_text().strip() == closed:
            return True
    try:  # containers close them by a filter on system calls, which no setting shows
        return subprocess.run(["unshare", "--user", "true"], capture_output=True, check=False).returncode != 0
    except OSError:
        return True


def flags_for(scale: int) -> list[str]:
    """Give the command line for pictures of `scale` device pixels to a CSS pixel.

    The scale belongs here: emulated later, whether fonts are set up for it was a race (seen: one start of ten on a
    busy machine had lines a pixel higher).
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
    """Ubuntu's chromium-browser is a script that asks for a snap, and a snap cannot read our profile folder."""
    if "snap" in program.resolve().parts:
        return True
    with program.open("rb") as file:
        start = file.read(4096)
    return start.startswith(b"#!") and b"/snap/" in start


def _data_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "/")) / ".local/share")


class ChromiumProcess:
    """A headless Chromium with a profile folder of its own; killed with all its children at the end of the `with`.

    It gets no variable of ours but what finding programs and fonts takes: tokens stay out of it.
    """

    def __init__(self, executable: Path, environ: Mapping[str, str], *, scale: int) -> None:
        self._executable = executable
        self._scale = scale
        self._environ = {name: environ[name] for name in _HANDED_ON if name in environ}
        self._stack = ExitStack()
        self._profile = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ChromiumProcess:
        self._profile = self._stack.enter_context(private_folder(room=_SOCKET_NAME))
        # Whatever it writes to a temporary folder lies in the profile, and goes with it.
        environ = {**self._environ, "TMPDIR": str(self._profile), "LANG": "C.UTF-8", "TZ": "UTC"}
        flags = [*flags_for(self._scale), f"--user-data-dir={self._profile}"]
        with (self._profile / "stderr").open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*_tied_to_us(), str(self._executable), *flags, "about:blank"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environ,
                    start_new_session=True,  # Ctrl-C is for us; we close it
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

    def address(self, seconds: float) -> str:
        """Wait for the address of its DevTools protocol. Raises MachineError when it does not come up in time."""
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
    """Give what makes the kernel end Chromium when we are killed and can't: util-linux's setpriv, where there is one.

    It goes by the thread that starts the process, which must live as long as the browser is wanted.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _tail(file: Path, lines: int) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill without asking: a page that hangs would never let the browser close, and nothing in it is worth keeping."""
    import psutil

    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.kill()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while any(_runs(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.005)


def _runs(process: psutil.Process) -> bool:
    """Tell whether it still does. One that ended may stay listed for ever: a container's first process reaps nobody."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
