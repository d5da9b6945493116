"""Finds remedies for failed runs by what they printed, or by the limits that they reached."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

from gpu_doc.execution.agent.outcomes import Shortages
from gpu_doc.execution.workers.run_ends import CommandEnded, RunEnd
from gpu_doc.model.configuration import Run
from gpu_doc.text.units import readable_size

_OFFLINE = (
    r"[Nn]ame resolution|Name or service not known|nodename nor servname|[Nn]etwork is unreachable|No route to host"
    r"|[Cc]ould not resolve host|unable to resolve host|[Tt]emporary failure resolving|server can't find|Unknown host"
    r"|UnknownHostException|EAI_AGAIN|ENOTFOUND|ENETUNREACH|couldn't connect to 'https"
    r"|Failed to connect to (?!localhost|127\.|::1).*Couldn't connect"
)
"""Messages of programs without any network."""

_NETWORK = re.compile(
    r"\b(Connect(ion)?(Reset|Refused|Aborted)?Error|ConnectTimeout|ReadTimeout|URLError|gaierror|MaxRetryError)\b"
    rf"|Connection (refused|reset|timed out)|{_OFFLINE}"
)
# PyTorch; the driver; the runtime; cuBLAS and cuDNN; JAX; TensorFlow; CuPy.
_GPU_MEMORY = re.compile(
    r"CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|CU(BLAS|DNN)_STATUS_ALLOC_FAILED"
    r"|RESOURCE_EXHAUSTED: Out of memory|OOM when allocating tensor.*GPU|OutOfMemoryError: Out of memory allocating"
)
_GPU_LOST = re.compile(
    r"Failed to initialize NVML: Unknown Error|\bNVML_?Error_?Unknown\b|CUDA_ERROR_UNKNOWN", re.IGNORECASE
)
"""Messages in a container that has lost its GPUs."""
_SHARED_MEMORY = re.compile(
    r"insufficient shared memory|out of shared memory|shared memory (segment|file|object)|</torch_|/dev/shm|SemLock"
    r"|[Bb]us error"
)
_DISK = re.compile(r"No space left on device|Disk quota exceeded")
_MEMORY = re.compile(
    r"\bMemoryError\b|Unable to allocate .*i?B for an array|can't allocate memory|Cannot allocate memory"
)
_PROCESSES = re.compile(
    r"can't start new thread|[Cc]annot fork|fork: .*Resource temporarily|pthread_create|Thread creation failed"
)
_READ_ONLY = re.compile(r"Read-only file system")
_ASKED = re.compile(
    r"EOFError|StdinNotImplementedError|/dev/tty\b|terminal prompts disabled|could not read (Username|Password) for"
    r"|terminal is required to|no tty present|a password is required|Host key verification failed"
    r"|empty commit message|not (from )?a (terminal|TTY|tty)\b|Error reading input"
    # The last line is a question; after it comes nothing, or a message that the program gave up.
    r"|([?:>]|[\[(][Yy](es)?/[Nn]o?[\])][?:]?) *(Abort(ed|ing)?[.!]?)?\s*\Z"
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named")
_CLOSED = re.compile(r"Permission denied: '/root\b|/root\S*: Permission denied")

_CRASH = "A native library crashed; `python -X faulthandler` shows where."
_ENDED = "Something ended it on purpose: look for `kill` and `pkill` in what ran."
_SIGNALS = {
    signal.SIGSEGV: ("it accessed memory that is not its own", _CRASH),
    signal.SIGABRT: ("it gave up by itself", _CRASH),
    signal.SIGFPE: ("it met an impossible calculation", _CRASH),
    signal.SIGILL: (
        "it met an instruction that this processor does not know",
        "A library was built for a newer processor: install a build for this one.",
    ),
    signal.SIGBUS: ("what it had mapped into memory was not there", ""),
    signal.SIGKILL: ("", _ENDED),
    signal.SIGTERM: ("", _ENDED),
    signal.SIGINT: ("", _ENDED),
    signal.SIGHUP: ("", _ENDED),
}

_NOBODY = (
    "It seems to have asked for input, and a run has nobody to ask: its input is at its end. "
    "Give the answer as an option such as --yes, in a variable, or from a file or pipe."
)
_NO_NETWORK = "Runs have no network unless the configuration gives it: `network: bridge`."
ROOT_ONLY = (
    "If the image was made for root, as with Conda in root's home, set `user: image`, "
    "or install it where every user can reach it."
)


def is_network(text: str) -> bool:
    """Return whether a text says that the network is missing or does not answer."""
    return bool(_NETWORK.search(text))


def is_isolated(run: Run) -> bool:
    """Return whether a run has no network."""
    return bool(run.image) and run.network == "none"


def describe(number: int) -> str:
    """Return a signal's name and meaning."""
    try:
        known = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    meaning = _SIGNALS.get(known, ("", ""))[0]
    return f"{known.name}, {meaning}" if meaning else known.name


def of_signal(run: Run, number: int) -> str:
    """Return what to do if a signal ended a kernel or a command."""
    if number == signal.SIGBUS:
        return f"Most often shared memory was full. {_more_shared_memory(run)}" if run.image else _CRASH
    return _SIGNALS[signal.Signals(number)][1] if number in _SIGNALS else ""


def of_memory(run: Run) -> str:
    """Return what to do if a run needed more memory than it had."""
    if run.image and run.limits.memory:
        return f"Raise limits.memory ({readable_size(run.limits.memory)}), or try smaller data or batches."
    return "Try smaller data or batches, fewer runs at once (--jobs), or a larger machine."


def of_end(run: Run, text: str, end: RunEnd) -> str:
    """Return what to do about a failure, by its text, then by the limits that it reached; empty if neither helps."""
    asked = isinstance(end, CommandEnded) and end.asked
    return _NOBODY if asked else _by_words(run, text) or _by_shortages(run, text, end.shortages)


def _by_words(run: Run, text: str) -> str:
    found = (say(run) for pattern, say in _WORDS if pattern.search(text))
    return next((remedy for remedy in found if remedy), "")


def _by_shortages(run: Run, text: str, shortages: Shortages) -> str:
    if shortages.out_of_memory:
        return f"The system killed one of the run's processes because memory ran out. {of_memory(run)}"
    if shortages.out_of_processes or (run.image and _PROCESSES.search(text)):
        few = f"No more processes and threads could be started (limits.processes, {run.limits.processes})"
        return f"{few}: raise it, or use fewer workers and threads."
    return ""


def _more_shared_memory(run: Run) -> str:
    size = readable_size(run.limits.shm)
    return f"Shared memory (/dev/shm) holds {size}: raise limits.shm, or use fewer loader workers."


def _lost_gpu(run: Run) -> str:
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
    if not run.image or run.gpus == "none":
        return ""
    return (
        "The container lost its GPUs while it ran: those that NVIDIA's hook gives go when systemd reloads its units"
        " (`systemctl daemon-reload`, an update of packages). CDI's stay: nvidia-ctk cdi generate"
        " --output=/etc/cdi/nvidia.yaml where the engine runs, and run again."
    )


def _full_disk(run: Run) -> str:
    if run.image:
        return "The engine's disk is full: `docker system df`, where it runs, shows what takes it."
    return "The disk that the run writes to is full: make room there."


def _read_only(run: Run) -> str:
    write = "Write elsewhere; `produces` names what a report uses."
    return f"What `data` names is read-only in a container. {write}" if run.image else ""


_WORDS: tuple[tuple[re.Pattern[str], Callable[[Run], str]], ...] = (
    (_GPU_MEMORY, lambda _: "The GPU's memory ran out: try smaller batches, or a GPU with more (requires.gpu.memory)."),
    (_GPU_LOST, _lost_gpu),
    (_SHARED_MEMORY, lambda run: _more_shared_memory(run) if run.image else ""),
    (_DISK, _full_disk),
    (_MEMORY, of_memory),
    (_READ_ONLY, _read_only),
    (_MODULE, lambda run: f"Install it {f'in the image {run.image}' if run.image else 'where the run finds it'}."),
    (_CLOSED, lambda run: ROOT_ONLY if run.image and run.user == "runner" else ""),
    (re.compile(_OFFLINE), lambda run: _NO_NETWORK if is_isolated(run) else ""),
    (_ASKED, lambda _: _NOBODY),
)
"""Messages of programs, and what to do if a run printed one. The first match counts."""
