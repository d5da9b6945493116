"""What a run takes, measured on real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.waiting import PATIENCE

from gpu_doc.execution.agent.facts import Resources
from gpu_doc.execution.agent.sampling import Sampler

CORES = os.cpu_count() or 1


class Program:
    """Python code in a process of its own, and samples of it and of all that descends from it."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sampler = Sampler(self._pids)

    def _pids(self) -> list[int]:
        me = psutil.Process(self.process.pid)
        return [me.pid, *(child.pid for child in me.children(recursive=True))]

    def measured(self, seconds: float = 0) -> Resources:
        assert self.process.stdin
        assert self.process.stdout
        self.sampler.start()
        self.process.stdout.readline()
        time.sleep(seconds)
        self.sampler.stop()
        self.process.communicate(timeout=PATIENCE)
        return self.sampler.result()


def test_processor_time_of_children_that_have_ended_counts() -> None:
    busy = "import time\nwhile time.process_time() < 0.4: pass"
    found = Program(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint(1, flush=True); input()"
    )
    result = found.measured()
    assert 0.35 < float(str(result["cpu_seconds"])) < 2.5, "the kernel rounds user and system time down to 10 ms each"
    json.dumps(result)


def test_memory_that_workers_share_counts_once() -> None:
    """What DataLoader's workers inherit from a process with a large data set is there once."""
    code = """
import os
data = bytearray(b'x') * 200_000_000
for _ in range(4):
    if not os.fork():
        sum(data[::4096]); input()
print(1, flush=True); input()
"""
    peaks = Program(code).measured(1.2)["peaks"]
    assert isinstance(peaks, dict)
    assert 200e6 < peaks["memory"] < 320e6, "the sum of all would be a gigabyte"
    assert peaks["cpu"] <= CORES


def test_what_is_held_for_a_moment_only_is_seen() -> None:
    code = "import time\ntime.sleep(0.6); data = bytearray(b'x') * 300_000_000; del data\nprint(1, flush=True); input()"
    result = Program(code).measured()
    assert isinstance(result["peaks"], dict)
    assert result["peaks"]["memory"] > 300e6


def test_a_short_run_has_samples() -> None:
    result = Program("print(1, flush=True); input()").measured()
    assert isinstance(result["samples"], list)
    first, *_, last = result["samples"]
    assert 0 == first[0] < last[0]
    assert first[3:] == last[3:] == (None, None) or Path("/dev/nvidiactl").exists()


def test_processes_that_are_gone_leave_what_was_seen() -> None:
    program = Program("print(1, flush=True)")
    program.process.wait(PATIENCE)
    with pytest.raises(psutil.NoSuchProcess):
        program._pids()
    sampler = Sampler(lambda: [program.process.pid])
    sampler.start()
    sampler.stop()
    assert sampler.result()["samples"] == []
    program.process.communicate()


def test_what_only_serves_a_run_holds_no_memory_of_it() -> None:
    """The agent waits for the command: the time of what ended is in its own."""
    busy = subprocess.Popen([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"])
    sampler = Sampler(lambda: [os.getpid(), busy.pid], interval=0.05)
    sampler.start()
    before = sampler.result()["cpu_seconds"]
    busy.wait()
    sampler.stop()
    result = sampler.result()
    assert result["peaks"]["memory"] < 30e6, "an interpreter, and not the tests"
    assert result["cpu_seconds"] - before > 0.25


# A driver's library with three GPUs, of which the second can't tell how busy it is.
LIBRARY = """
#include <stdio.h>
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return "Not Supported"; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { strcpy(out, "570.86.15"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 12080; return 0; }
int nvmlDeviceGetCount_v2(unsigned *out) { *out = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) { *out = (void *)(0x700000000000 + index); return 0; }
int nvmlDeviceGetHandleByUUID(const char *id, void **out) {
    *out = (void *)(0x700000000000 + id[4] - 'a'); return strlen(id) == 5 ? 0 : 6;
}
int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) { return 3; }
int nvmlDeviceGetName(void *device, char *out, unsigned size) { strcpy(out, "NVIDIA A100"); return 0; }
int nvmlDeviceGetUUID(void *device, char *out, unsigned size) {
    sprintf(out, "GPU-%c", (char)('a' + (device - (void *)0x700000000000))); return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *out) {
    out[0] = 40ULL << 30; out[2] = (1 + (device - (void *)0x700000000000)) * 1000; out[1] = out[0] - out[2]; return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, unsigned *out) {
    if (device == (void *)0x700000000001) return 3;
    out[0] = device == (void *)0x700000000000 ? 90 : 30; out[1] = 5; return 0;
}
"""
MEASURE = "import json, os, sys; from gpu_doc.execution.agent.sampling import Sampler; "
MEASURE += "s = Sampler(lambda: [os.getppid()]); s.start(); s.stop(); print(json.dumps(s.result()))"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is here: apt-get install gcc libc6-dev")
@pytest.mark.parametrize(
    ("visible", "memory", "busy"), [(None, 6000, 0.6), ("0", 1000, 0.9), ("GPU-b", 2000, None), ("", None, None)]
)
def test_the_gpus_that_a_run_may_use(
    tmp_path: Path, visible: str | None, memory: int | None, busy: float | None
) -> None:
    source = tmp_path / "library.c"
    source.write_text(LIBRARY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1", source], check=True)
    environment = {"LD_LIBRARY_PATH": str(tmp_path)} | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    done = subprocess.run([sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["samples"][0][3:] == [None, None], "the driver is asked when the first look is done"
    assert result["samples"][-1][3:] == [memory, busy]
    assert (result["peaks"]["gpu_memory"], result["peaks"]["gpu"]) == (memory, busy)


def test_where_a_look_is_dear_there_are_few() -> None:
    looks = []

    def dear() -> list[int]:
        began = time.thread_time()
        while time.thread_time() - began < 0.1:
            pass
        looks.append(1)
        return [os.getpid()]

    sampler = Sampler(dear, interval=0.05, ours=frozenset())
    sampler.start()
    time.sleep(1)
    sampler.stop()
    assert len(looks) == 2, "100 ms are half a hundredth of 20 seconds"
