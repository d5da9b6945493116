"""The child process that renders templates.

It has only the template's text: it asks the parent for files that a template includes, and for its functions' answers
(template_messages.py).

Jinja2's sandbox stops neither `'a' * 10**9` nor an endless loop, so the process limits its own memory and time. If its
timer has no effect, in the middle of one long multiplication, the parent kills it.
"""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from gpu_doc.report import template_messages as messages
from gpu_doc.report.template_errors import OutOfTime, failure
from gpu_doc.report.template_session import Work


class Aborted(BaseException):
    """The parent has an error to raise: unwind. No template can catch this."""


def send(event: messages.Event) -> None:
    """Send one line to the parent."""
    sys.stdout.buffer.write(messages.write(event) + b"\n")
    sys.stdout.buffer.flush()


def ask(question: messages.Load | messages.Ask) -> messages.Answer:
    """Ask the parent. Raises Aborted if it refuses. The timer is stopped: the parent's time does not count."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    send(question)
    line = sys.stdin.buffer.readline()
    answer = messages.read_answer(line) if line else messages.Abort()
    signal.setitimer(signal.ITIMER_REAL, left)
    if isinstance(answer, messages.Abort):
        raise Aborted
    return answer


@contextmanager
def own_time(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after so many seconds, without those that `ask` waits for the parent."""

    def stop(*_: Any) -> NoReturn:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def handle(request: messages.Request) -> messages.Event:
    """Handle one request; return its last message."""
    work = Work(request, ask)
    try:
        with own_time(request.seconds):
            return work.done()
    except Aborted:
        return messages.Unwound()
    except (Exception, OutOfTime) as error:  # noqa: BLE001 - the boundary: every failure becomes a message
        ballast.clear()
        return failure(error, work)


ballast = [bytearray(4 << 20)]
"""Memory that is freed when memory has run out, so that the failure can still be reported."""


def bound_memory(more: int) -> None:
    """Let the address space grow by so many bytes at most, if the system can limit that."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    if start := sys.stdin.buffer.readline():
        bound_memory(messages.read_start(start).more)
    for line in iter(sys.stdin.buffer.readline, b""):
        send(handle(messages.read_request(line)))


if __name__ == "__main__":
    main()
