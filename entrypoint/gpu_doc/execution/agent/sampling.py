"""What a run takes: CPU, memory and GPUs, looked at by a thread while the run goes on.

Runs in the Python of the user's image too, so nothing but the standard library of Python 3.8. Reads Linux's /proc
(https://man7.org/linux/man-pages/man5/proc.5.html) and, where there is an NVIDIA driver, NVML
(https://docs.nvidia.com/deploy/nvml-api/).
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from gpu_doc.execution.agent import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gpu_doc.execution.agent.facts import Peaks, Resources, Sample

MOST_SAMPLES = 600
"""When there are so many, each two neighbours become one."""
SHARE = 0.005
"""Of one core, the most that looking may take; and reading exact memory, which is dearer, once more."""
SHORTEST = 0.25
"""Seconds that a rate of CPU use is taken over; the system counts in hundredths."""
_ALONE = 0.1
"""Where all other processes hold no more than this share of the largest, what they share with it is left in."""


def all_pids() -> list[int]:
    """Every process that can be seen: in a container, all of the run."""
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


class Sampler:
    """Samples processes from `start` to `stop`.

    `pids` gives them anew for each look. Those in `ours` only serve the run: their memory does not count, their time
    does, since that of the children they waited for is in it; without it they are this process and a container's init.
    `environ` says which GPUs may be used; it is this process's own where it is not given. Looks become rarer than
    `interval` seconds where they would take too much.
    """

    def __init__(
        self,
        pids: Callable[[], Iterable[int]],
        interval: float = 1.0,
        *,
        ours: frozenset[int] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._pids = pids
        self._interval = interval
        self._environ = environ
        self._processes = _Processes(frozenset((1, os.getpid())) if ours is None else ours)
        self._series = _Series(interval)
        self._peaks: list[Any] = [0.0, 0, None, None]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._began = 0.0
        self._cost = 0.0

    def start(self) -> None:
        """Begin, with a first look at once."""
        self._began = time.monotonic()
        self._cost = self._look(None)
        self._thread.start()

    def stop(self) -> None:
        """Look a last time, and end; nothing where it has not begun."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join(10)

    def result(self) -> Resources:
        """What is known so far, as JSON: at any time, from any thread.

        `samples` are `[seconds since start, CPU cores in use, bytes of memory, bytes of GPU memory, GPU use 0-1]`, the
        last two None without a GPU. Uses are means, and sizes maxima, since the sample before. `peaks` are those of
        every single look.
        """
        with self._lock:
            return {
                "interval": self._series.interval,
                "samples": [cast("Sample", tuple(map(_rounded, sample))) for sample in self._series.samples],
                "peaks": cast("Peaks", dict(zip(("cpu", "memory", "gpu_memory", "gpu"), map(_rounded, self._peaks)))),
                "cpu_seconds": round(self._processes.cpu_seconds, 2),
            }

    def _watch(self) -> None:
        gpus, last = _Gpus(self._environ), False
        while not last:
            # Closer together at first, so that a short run shows something.
            pause = min(self._interval, max(SHORTEST, time.monotonic() - self._began))
            last = self._stopped.wait(max(pause, self._cost / SHARE))
            self._cost = self._look(gpus)

    def _look(self, gpus: _Gpus | None) -> float:
        """Take one look; gives the seconds of CPU that it took, exact memory apart."""
        began, now = time.thread_time(), time.monotonic()
        found = self._processes.look(self._pids(), now)
        if found is not None:
            values = [*found, *(gpus.look() if gpus else (None, None))]
            with self._lock:
                if not self._series.samples:  # the run's own processes begin a moment after us
                    self._began = now
                self._series.add([now - self._began, *values])
                self._peaks = [_most(*pair) for pair in zip(self._peaks, values)]
        return time.thread_time() - began - self._processes.exactly


class _Processes:
    """CPU time and memory of processes that come and go."""

    def __init__(self, ours: frozenset[int]) -> None:
        self._ours = ours
        self.cpu_seconds = 0.0
        self.exactly = 0.0
        """Seconds of CPU that the last look took for exact memory."""
        self._total = 0.0
        self._rate = 0.0
        self._rated: tuple[float, float] | None = None
        self._pss = 0
        self._pss_next = 0.0
        self._highest: dict[int, int] = {}

    def look(self, pids: Iterable[int], now: float) -> tuple[float, int] | None:
        """Cores in use since the last look, and bytes; None where no process is left."""
        resident: dict[int, int] = {}
        total = 0.0
        for pid in pids:
            with suppress(OSError, ValueError, IndexError):  # it has ended
                total += _cpu_seconds(pid)
                if pid not in self._ours:
                    resident[pid] = _resident(pid)
        # A process counts its ended children too. Where one leaves for good with its time, the sum falls.
        self.cpu_seconds += max(0.0, total - self._total)
        self._total = total
        if not resident:
            return None
        return self._cores(now), self._memory(resident, now)

    def _cores(self, now: float) -> float:
        if self._rated is None:
            self._rated = now, self.cpu_seconds
        began, before = self._rated
        if now - began >= SHORTEST or (now > began and not self._rate):
            self._rate = min((self.cpu_seconds - before) / (now - began), float(os.cpu_count() or 1))
        if now - began >= SHORTEST:
            self._rated = now, self.cpu_seconds
        return self._rate

    def _memory(self, resident: dict[int, int], now: float) -> int:
        """Resident memory, in which what processes share counts once.

        A forked worker shares nearly all with its parent: the plain sum would tell a multiple. The shares (PSS) are
        exact but dear, so they are taken as often as we can afford, and the sum and the largest process bound them.
        """
        whole, largest = sum(resident.values()), max(resident, key=lambda pid: resident[pid])
        memory, self.exactly = whole, 0.0
        if whole - resident[largest] > _ALONE * resident[largest]:
            if now >= self._pss_next:
                began = time.thread_time()
                self._pss = sum(_proportional(pid, bytes_) for pid, bytes_ in resident.items())
                self.exactly = time.thread_time() - began
                self._pss_next = now + self.exactly / SHARE
            memory = min(whole, max(resident[largest], self._pss))
        # What the largest held for a moment between two looks, the system has noted.
        highest = _highest_resident(largest)
        if highest > self._highest.get(largest, 0):
            self._highest[largest] = highest
            memory = max(memory, highest)
        return memory


class _Gpus:
    """What is used of the GPUs that a run may use."""

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._library: Any = None
        self._devices: list[Any] = []
        ids = [gpu["id"] for gpu in probe.graphics(os.environ if environ is None else environ)["gpus"]]
        with suppress(OSError):  # no driver
            self._library = ctypes.CDLL("libnvidia-ml.so.1")
            self._library.nvmlInit_v2()
            self._devices = list(filter(None, map(self._device, ids)))

    def look(self) -> tuple[int | None, float | None]:
        """Bytes of memory in use on all of them, and how busy they are on the average, 0 to 1; None is not known."""
        memory = [used for device in self._devices if (used := self._memory(device)) is not None]
        busy = [share for device in self._devices if (share := self._busy(device)) is not None]
        return sum(memory) if memory else None, sum(busy) / len(busy) if busy else None

    def _device(self, id_: str) -> Any:
        device = ctypes.c_void_p()
        failed = self._library.nvmlDeviceGetHandleByUUID(id_.encode(), ctypes.byref(device))
        return None if failed else device

    def _memory(self, device: Any) -> int | None:
        sizes = (ctypes.c_ulonglong * 3)()  # total, free, used
        return None if self._library.nvmlDeviceGetMemoryInfo(device, sizes) else int(sizes[2])

    def _busy(self, device: Any) -> float | None:
        percents = (ctypes.c_uint * 2)()  # of the time: computing, moving memory
        return None if self._library.nvmlDeviceGetUtilizationRates(device, percents) else percents[0] / 100


class _Series:
    """Samples over any time in a bounded list."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.samples: list[list[Any]] = []
        self._shortest = interval

    def add(self, look: list[Any]) -> None:
        """Append a look, or make it part of the last sample while that covers less than the interval."""
        samples = self.samples
        halved = self.interval > self._shortest
        if halved and look[0] - samples[-2][0] < self.interval + self._shortest / 2:
            samples[-1] = _merged(samples[-1], look, samples[-2][0])
        else:
            samples.append(look)
        if len(samples) >= MOST_SAMPLES:
            self._halve()

    def _halve(self) -> None:
        starts = [0.0, *(sample[0] for sample in self.samples)]
        pairs = range(0, len(self.samples) - 1, 2)
        self.samples = [_merged(self.samples[at], self.samples[at + 1], starts[at]) for at in pairs]
        self.interval *= 2


def _merged(first: list[Any], second: list[Any], start: float) -> list[Any]:
    """Two neighbouring samples as one, the first of which covers the time from `start`."""
    whole = second[0] - start
    share = (first[0] - start) / whole if whole > 0 else 0.5
    uses = [
        b if a is None else a if b is None else a * share + b * (1 - share)
        for a, b in ((first[1], second[1]), (first[4], second[4]))
    ]
    return [second[0], uses[0], max(first[2], second[2]), _most(first[3], second[3]), uses[1]]


def _most(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else max(a, b)


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


# --- /proc -----------------------------------------------------------------------------------------------------------

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, and of those of its children that have ended."""
    # The name, in parentheses, may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _resident(pid: int) -> int:
    return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE


def _proportional(pid: int, otherwise: int) -> int:
    """A process's memory, what it shares with others divided among them."""
    return _bytes_of(f"/proc/{pid}/smaps_rollup", b"Pss:") or otherwise


def _highest_resident(pid: int) -> int:
    """The most that a process has ever held."""
    return _bytes_of(f"/proc/{pid}/status", b"VmHWM:")


def _bytes_of(file: str, key: bytes) -> int:
    """A line such as `VmHWM:  12 kB`, in bytes; 0 where it can't be read."""
    with suppress(OSError, ValueError, IndexError):
        for line in _read(file).splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def _read(file: str) -> bytes:
    """A file of /proc, which is made whole at the first read. Hundreds of them in a look: a file object costs more."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 14)
    finally:
        os.close(descriptor)
