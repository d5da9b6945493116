"""Measures a run's use of CPU, memory and GPUs, from a thread while the run goes on.

Runs in the Python of the user's image too: only the standard library of Python 3.8. Reads Linux's /proc
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
"""If there are so many, each two neighbours are merged into one."""
SHARE = 0.005
"""The share of one core that sampling may take; reading exact memory, which costs more, may take as much again."""
SHORTEST = 0.25
"""The shortest time, in seconds, for which a rate of CPU use is computed; the system counts in hundredths."""
_ALONE = 0.1
"""If all other processes hold no more than this share of the largest, memory that they share with it counts twice."""


def all_pids() -> list[int]:
    """Return every visible process; in a container, these are all of the run's."""
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


class Sampler:
    """Samples processes from `start` to `stop`.

    `pids` returns them, and is called for each sample. The processes in `ours` only serve the run: their memory does
    not count; their time does, since it includes that of the children they waited for. The default is this process and
    a container's init. `environ` says which GPUs may be used; the default is this process's own. Samples are taken less
    often than every `interval` seconds if they would take too much time.
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
        """Begin, with a first sample at once."""
        self._began = time.monotonic()
        self._cost = self._look(None)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample, and end; does nothing if it has not begun."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join(10)

    def result(self) -> Resources:
        """Return what is known so far, as JSON. Any thread may call it at any time.

        `samples` are `[seconds since start, CPU cores in use, bytes of memory, bytes of GPU memory, GPU use 0-1]`, the
        last two None without a GPU. Uses are means since the sample before, sizes are maxima. `peaks` are maxima of all
        samples before any were merged.
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
            # More often at first, so that a short run has some samples.
            pause = min(self._interval, max(SHORTEST, time.monotonic() - self._began))
            last = self._stopped.wait(max(pause, self._cost / SHARE))
            self._cost = self._look(gpus)

    def _look(self, gpus: _Gpus | None) -> float:
        """Take one sample; return the CPU seconds that it took, without those for exact memory."""
        began, now = time.thread_time(), time.monotonic()
        found = self._processes.look(self._pids(), now)
        if found is not None:
            values = [*found, *(gpus.look() if gpus else (None, None))]
            with self._lock:
                if not self._series.samples:  # the run's processes begin a moment after us
                    self._began = now
                self._series.add([now - self._began, *values])
                self._peaks = [_most(*pair) for pair in zip(self._peaks, values)]
        return time.thread_time() - began - self._processes.exactly


class _Processes:
    """Measures CPU time and memory of processes that start and end."""

    def __init__(self, ours: frozenset[int]) -> None:
        self._ours = ours
        self.cpu_seconds = 0.0
        self.exactly = 0.0
        """The CPU seconds that the last sample took for exact memory."""
        self._total = 0.0
        self._rate = 0.0
        self._rated: tuple[float, float] | None = None
        self._pss = 0
        self._pss_next = 0.0
        self._highest: dict[int, int] = {}

    def look(self, pids: Iterable[int], now: float) -> tuple[float, int] | None:
        """Return the cores in use since the last sample, and bytes of memory; None if no process is left."""
        resident: dict[int, int] = {}
        total = 0.0
        for pid in pids:
            with suppress(OSError, ValueError, IndexError):  # it has ended
                total += _cpu_seconds(pid)
                if pid not in self._ours:
                    resident[pid] = _resident(pid)
        # A process's time includes that of its ended children. The sum falls if nobody waited for one that ended.
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
        """Return the resident memory; what processes share counts once.

        A forked worker shares nearly all its memory with its parent: the plain sum would be a multiple. Proportional
        sizes (PSS) are exact but slow to read, so they are read as often as `SHARE` allows, and bounded by the others.
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
        # The system knows what the largest process held for a moment between two samples.
        highest = _highest_resident(largest)
        if highest > self._highest.get(largest, 0):
            self._highest[largest] = highest
            memory = max(memory, highest)
        return memory


class _Gpus:
    """Measures the use of the GPUs that a run may use."""

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._library: Any = None
        self._devices: list[Any] = []
        ids = [gpu["id"] for gpu in probe.graphics(os.environ if environ is None else environ)["gpus"]]
        with suppress(OSError):  # no driver
            self._library = ctypes.CDLL("libnvidia-ml.so.1")
            self._library.nvmlInit_v2()
            self._devices = list(filter(None, map(self._device, ids)))

    def look(self) -> tuple[int | None, float | None]:
        """Return the bytes of memory in use on all of them, and their mean use, 0 to 1; None is not known."""
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
    """A list of samples of limited length, over any time."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.samples: list[list[Any]] = []
        self._shortest = interval

    def add(self, look: list[Any]) -> None:
        """Append a sample, or merge it into the last one if that covers less than the interval."""
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
    """Merge two neighbouring samples; the first covers the time from `start`."""
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
    """Return the user and system time of a process, and of its children that have ended."""
    # The name, in parentheses, may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _resident(pid: int) -> int:
    return int(_read(f"/proc/{pid}/statm").split()[1]) * _PAGE


def _proportional(pid: int, otherwise: int) -> int:
    """Return a process's proportional memory: what it shares with others is divided among them."""
    return _bytes_of(f"/proc/{pid}/smaps_rollup", b"Pss:") or otherwise


def _highest_resident(pid: int) -> int:
    """Return the most memory that a process has ever held."""
    return _bytes_of(f"/proc/{pid}/status", b"VmHWM:")


def _bytes_of(file: str, key: bytes) -> int:
    """Return the bytes in a line such as `VmHWM:  12 kB`; 0 if it can't be read."""
    with suppress(OSError, ValueError, IndexError):
        for line in _read(file).splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return 0


def _read(file: str) -> bytes:
    """Read a file of /proc, whole at the first read. A sample reads hundreds of them, and a file object costs more."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 14)
    finally:
        os.close(descriptor)
