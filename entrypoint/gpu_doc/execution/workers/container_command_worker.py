"""Drives one command in a container, in a process of its own; a detached one goes on without it.

Message in: `{container, log, limit, folder, redact}`, then `{do: go}` once what was found is enough, or `{do: kill}`.
Events out: `probe` (facts), `started`, `message` (text), then `done` (status, negative for a signal; left_out, in
bytes; shortages; missing, old, problem; `container` where that has ended, rather than the command in it), `refused`
(errno, message), or `engine` (what, remedy, ...).
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gpu_doc.errors import GpuDocError
from gpu_doc.execution.agent import frames
from gpu_doc.execution.agent.produced import MOST
from gpu_doc.execution.agent.pseudo_terminal import LONGEST_LOG, Bounded
from gpu_doc.execution.containers import engine, recipe
from gpu_doc.execution.containers.container import Container, NoPythonError
from gpu_doc.execution.containers.events import is_event
from gpu_doc.execution.containers.failures import EngineError
from gpu_doc.execution.containers.relay import Attached
from gpu_doc.execution.workers.own_log import Log
from gpu_doc.redaction import Redactor
from gpu_doc.system.link import Link

Event = dict[str, Any]

_PAUSES = (1.0, 3.0)
"""Seconds between tries to start what shows a detached command."""
_LOOK_AGAIN = 2.0
"""Seconds between two looks at a command that can't be followed."""

_CUT = 200
"""Bytes for what an agent itself writes where it cuts a terminal."""


def main() -> None:
    """Serve the one message, and end."""
    link = Link()
    messages = os.fdopen(link.messages, "rb")
    line = messages.readline()
    if line:
        _Drive(link, json.loads(line)).serve(messages)


class _Drive:
    def __init__(self, link: Link, message: dict[str, Any]) -> None:
        self._link = link
        self._order = message["container"]
        self._log = Path(message["log"])
        self._folder = Path(message["folder"])
        self._limit: int = message["limit"]
        self._redactor = Redactor(message["redact"])
        self._container: Container | None = None
        self._stream: Attached | None = None
        self._frames = 0

    def serve(self, messages: Any) -> None:
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()
        try:
            with engine.reconnect(self._order["engine"]) as connection, Container(connection, self._order) as container:
                self._container = container
                done = self._run(container)
        except NoPythonError as error:
            facts = {"image": self._order["reference"], "said": error.details}
            done = {"event": "refused", "outcome": "no python", **facts}
        except GpuDocError as error:
            words = {"what": error.what, "where": error.where, "remedy": error.remedy, "details": error.details}
            done = {"event": "failed", "outcome": "engine", **words, "cause": getattr(error, "cause", "")}
        except OSError as error:
            done = {"event": "failed", "errno": error.errno, "message": str(error)}
        self._link.send(done.pop("event"), **done)

    def _listen(self, messages: Any) -> None:
        for line in messages:
            self._obey(json.loads(line)["do"])
        # Our parent is gone. With us the line to the agent ends, which ends it, unless it is a detached command's.
        os._exit(0)

    def _obey(self, what: str) -> None:
        if what == "kill" and self._container:
            self._container.kill()
        elif what == "go" and self._stream:
            self._stream.event("go")
        elif what == "go" and self._container:
            self._container.let_go()

    def _run(self, container: Container) -> Event:
        job = self._order["job"]
        own_log = Log(self._folder / "kernel.log", self._redactor)  # only a defect makes the agent itself speak
        if not job["detach"]:
            stream = self._stream = container.start(job, own_log.write)
            assert stream
            with closing(stream):
                done = self._hear(stream.frames()) or container_end(container)
        else:
            if not container.adopt():
                container.start(job, own_log.write)
            done = self._detached(container)
        own_log.flush()
        resources = done.pop("resources", None)
        if resources is not None:
            (self._folder / "resources.json").write_text(json.dumps(resources), "utf-8")
        for text in done.pop("passed", ()):
            self._link.send("message", text=text)
        if done.get("files"):
            container.take_out(f"{recipe.HOME}/produced", self._folder / "produced", most=MOST)
        return done

    def _detached(self, container: Container) -> Event:
        """Follow a command that does not need us: what counts is what lies in its container when it has ended."""
        self._follow(container)
        ended = container_end(container)
        outcome = self._folder / "outcome"
        try:
            container.take_out(f"{recipe.HOME}/outcome", outcome, most=LONGEST_LOG + frames.MOST)
        except EngineError:
            if ended["status"] is not None and ended["status"] >= 0:
                raise
            return ended  # somebody kills and removes it, with all that lay in it
        try:
            if (outcome / "terminal.log").is_file():
                self._keep(outcome / "terminal.log")
            if (outcome / "done.json").is_file():
                return _told(outcome / "done.json", ended)
            return ended
        finally:
            shutil.rmtree(outcome, ignore_errors=True)

    def _follow(self, container: Container) -> None:
        """Show what a command does, until its container has ended.

        Raises EngineError: nothing can be started in there to show it, and it has not begun yet.
        """
        failed = 0
        while container.runs():
            self._frames = 0
            try:
                done, error = self._hear(container.follow()), None
            except EngineError as problem:
                done, error = None, problem
            if (done and container.ends_soon()) or not container.runs():
                return
            failed = 0 if self._frames else failed + 1  # a stream may be cut; all is shown again from its beginning
            if failed > len(_PAUSES):
                self._wait_unseen(container, error)
                return
            time.sleep(_PAUSES[max(0, failed - 1)])

    def _wait_unseen(self, container: Container, error: EngineError | None) -> None:
        """Wait until a command has ended that can't be followed."""
        if not container.was_let_go():
            raise EngineError(
                "the engine can start nothing in the run's container, so that its command can't be followed",
                cause="settings",
                where=self._order["reference"],
                remedy="`docker exec` into any container of that engine must work; without `detach` it is not needed.",
                details=error.details or error.what if error else "",
            )
        why = f" ({error})" if error else ""
        text = f"the engine can't start what shows the command{why}; its output comes when it has ended"
        self._link.send("message", text=text)
        while container.runs():
            time.sleep(_LOOK_AGAIN)

    def _keep(self, log: Path) -> None:
        """Keep a whole terminal."""
        with log.open("rb") as whole, self._kept() as (write, _):
            while block := whole.read(1 << 20):
                write(block)

    @contextmanager
    def _kept(self) -> Iterator[tuple[Callable[[bytes], object], Bounded]]:
        """What writes the log: redacted before it is cut, for half a secret is found by nobody."""
        limit = self._limit + (_CUT if self._order["job"]["detach"] else 0)
        with (
            self._log.open("wb", buffering=0) as log,
            closing(Bounded(log.write, limit)) as bounded,
            self._redactor.stream(bounded.write) as redacted,
        ):
            yield redacted.write, bounded

    def _hear(self, stream: Iterator[tuple[int, int, bytes]]) -> Event | None:
        """Keep the terminal as it comes, and pass on what is told, until the command has ended."""
        done: Event | None = None
        with self._kept() as (write, bounded):
            for kind, _, payload in stream:
                self._frames += 1
                if kind == frames.TERMINAL:
                    write(payload)
                    continue
                event = json.loads(payload)
                if event["event"] in ("done", "refused"):
                    done = event
                elif event["event"] in ("probe", "started"):
                    self._tell(event)
        if done and bounded.left_out:
            done["left_out"] = bounded.left_out
        return done

    def _tell(self, event: Event) -> None:
        name = event.pop("event")
        self._link.send(name, **({"pid": 0} if name == "started" else event))


def _told(file: Path, otherwise: Event) -> Event:
    """What a detached command's agent has left, which its run could have overwritten."""
    with file.open("rb") as left:
        payload = left.read(frames.MOST)
    if not is_event(payload):
        return {**otherwise, "broken": True}
    told: Event = json.loads(payload)
    return told if told["event"] in ("done", "refused") else {**otherwise, "broken": True}


def container_end(container: Container) -> Event:
    """How a container ended whose agent told nothing any more."""
    ended = container.ended()
    facts = {"status": ended.status, "out_of_memory": ended.out_of_memory, "broken": ended.broken}
    return {"event": "done", "container": True, **facts}


if __name__ == "__main__":
    main()
