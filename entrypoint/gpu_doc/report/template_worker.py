"""The child process that renders templates: the only module that imports Jinja2.

It knows the template's text and nothing else: files that a template includes, and what its functions give, are asked
of the parent. Messages are JSON, one a line; the first one gives the limit on memory:

    parent: {"source" | "items": ..., "rehearse": bool, ...}         child: {"done": ...} | {"failed": {...}}
    child:  {"load" | "call": ..., "line": int, "in": file}          parent: {"answer": ...} | {"abort": true}

Jinja2's sandbox stops neither `'a' * 10**9` nor an endless loop, so the process limits its own memory and time. Where
its clock is not heard, in the middle of one long multiplication, the parent kills it.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import (
    SecurityError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
    UndefinedError,
)

from gpu_doc.report.template_values import (
    Environment,
    Function,
    LaterVersionError,
    Placeholder,
    delta,
    demand,
    percent,
    printable,
)

Message = dict[str, Any]

LONGEST_CALL = 100_000
"""Characters of a call's arguments as JSON."""


class Abort(BaseException):
    """The parent has an error of its own to raise: unwind. No template can catch it."""


class OutOfTime(BaseException):
    """The time of this request is used up."""


class TooMuchError(Exception):
    """The text has grown beyond its limit."""


# --- talking to the parent -------------------------------------------------------------------------------------------


def send(message: Message) -> None:
    """One line to the parent."""
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def ask(message: Message) -> Any:
    """Ask the parent. Raises Abort if it refuses. The clock stands still: the time that it takes is not ours."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    send(message)
    reply = json.loads(sys.stdin.buffer.readline() or b'{"abort": true}')
    signal.setitimer(signal.ITIMER_REAL, left)
    if reply.get("abort"):
        raise Abort
    return reply["answer"]


class ParentLoader(BaseLoader):
    """Templates come from the parent, with the path that errors shall name."""

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002 - Jinja2's
        """Text and file name; TemplateNotFound if the parent has none."""
        file, line = caller_place()
        found = ask({"load": template, "line": line, "in": file})
        if found is None:
            raise TemplateNotFound(template)
        return found["text"], found["name"], lambda: True


# --- where in the template -------------------------------------------------------------------------------------------


def _in_template(frame: FrameType, line: int) -> tuple[str, int] | None:
    """File and line in the template that a frame of compiled template code stands for."""
    template = frame.f_globals.get("__jinja_template__")
    if not isinstance(template, Template):
        return None
    return template.filename or "", template.get_corresponding_lineno(line)


def caller_place() -> tuple[str, int]:
    """File and line of the template that is calling just now."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to learn the caller's line
    while frame is not None:
        if place := _in_template(frame, frame.f_lineno):
            return place
        frame = frame.f_back
    return "", 0


def error_place(error: BaseException) -> tuple[str, int]:
    """File and line of the innermost template frame that an exception went through."""
    if isinstance(error, TemplateSyntaxError):
        return error.filename or "", error.lineno
    best = ("", 0)
    trace = error.__traceback__
    while trace is not None:
        frame, line = trace.tb_frame, trace.tb_lineno
        if place := _in_template(frame, line):
            best = place
        elif (
            "__jinja_exception__" in frame.f_globals
        ):  # Jinja2 has rewritten this frame: file and line are the template's
            best = (frame.f_code.co_filename, line)
        trace = trace.tb_next
    return best


# --- what templates see ----------------------------------------------------------------------------------------------


class Session:
    """One request: an environment whose functions ask the parent, or in a rehearsal give placeholders."""

    def __init__(self, request: Message, truth: bool | None = None) -> None:  # noqa: FBT001 - private, and three-valued
        self.request = request
        self.name = request["name"]
        self.truth = truth
        self.calls: list[list[Any]] = []
        self.environment = Environment(loader=ParentLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
        self.environment.filters.update(percent=percent, delta=delta)
        del (
            self.environment.filters["random"],
            self.environment.globals["lipsum"],
        )  # the same input gives the same bytes
        self.environment.globals["delta"] = delta
        self.environment.globals["report"] = request["report"]
        self.environment.globals.update({name: self._function(name) for name in request["functions"]})

    def _function(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            file, line = (self.name, self.request["line"]) if "items" in self.request else caller_place()
            text = json.dumps([name, list(args), kwargs], default=_not_json)
            if len(text) > LONGEST_CALL:
                raise TemplateRuntimeError(f"what {name}() is given is longer than {LONGEST_CALL} characters")
            call = json.loads(text)
            if self.truth is None:
                return ask({"call": call, "line": line, "in": file})
            self.calls.append([call, line, file])
            return Placeholder(truth=self.truth)

        return Function(name, call)

    def render(self, source: str) -> str:
        """Render the whole text of a template."""
        code = self.environment.compile(source, self.name, self.name)
        template = Template.from_code(self.environment, code, self.environment.make_globals(None))
        parts, size = [], 0
        for part in template.generate():
            size += len(part.encode("utf-8", "surrogatepass"))
            if size > self.request["output"]:
                raise TooMuchError
            parts.append(part)
        return "".join(parts)

    def expressions(self, items: list[tuple[int, str]]) -> list[str]:
        """Each expression's text. `line` of the request says which one is at hand."""
        texts, size = [], 0
        for self.request["line"], expression in items:
            value = self.environment.compile_expression(expression, undefined_to_none=False)()
            texts.append(str(printable(value)))
            size += len(texts[-1])
            if size > self.request["output"]:
                raise TooMuchError
        return texts


def _not_json(value: Any) -> Any:
    if isinstance(value, Placeholder):
        return str(value)
    demand(value)
    raise TemplateRuntimeError(f"functions take text, numbers and lists of them, not {type(value).__name__}")


# --- rehearsing ------------------------------------------------------------------------------------------------------


def undefined_name(tree: nodes.Template, known: set[str]) -> nodes.Name | None:
    """Find a name that nothing defines, in whatever branch; one that is asked for with `is defined` may be missing."""
    names = list(tree.find_all(nodes.Name))
    known |= {n.name for n in names if n.ctx != "load"} | {m.name for m in tree.find_all(nodes.Macro)}
    known |= {i.target for i in tree.find_all(nodes.Import)}
    for imported in tree.find_all(nodes.FromImport):
        known |= {n if isinstance(n, str) else n[1] for n in imported.names}
    for asking in tree.find_all((nodes.Test, nodes.Filter)):
        if asking.name in ("defined", "undefined", "default", "d"):
            known |= {n.name for n in asking.find_all(nodes.Name)}
    known |= {"loop", "self", "super", "caller", "varargs", "kwargs", "namespace"}
    return next((n for n in names if n.name not in known), None)


def rehearse(request: Message) -> list[list[Any]]:
    """Record the calls of a text, once with every condition on an answer true and once with all of them false."""
    calls: list[list[Any]] = []
    for item in request.get("items", [None]):
        if item is not None:
            request["line"] = item[0]
        calls += _rehearse_one(request if item is None else {**request, "items": [item]})
    return calls


def _rehearse_one(request: Message) -> list[list[Any]]:
    calls, errors = [], []
    for truth in (True, False):
        session = Session(request, truth)
        try:
            _look(session, request)
            _work(session, request)
        except (TemplateSyntaxError, SecurityError, TemplateNotFound, LaterVersionError, TooMuchError, MemoryError):
            raise
        except Exception as error:
            if not session.calls:
                raise
            errors.append(error)  # a placeholder may have caused it
        calls += session.calls
    if len(errors) == 2 and all(isinstance(e, UndefinedError) for e in errors):
        raise errors[0]
    return calls


def _look(session: Session, request: Message) -> None:
    """Undefined names are found before anything is evaluated, in branches too that a rehearsal won't take."""
    source = "{{" + request["items"][0][1] + "}}" if "items" in request else request["source"]
    tree = session.environment.parse(source, session.name, session.name)
    if tree.find(nodes.Extends) or tree.find(nodes.Include):
        return  # the other file may define or use names of this one
    if missing := undefined_name(tree, set(session.environment.globals)):
        raise TemplateSyntaxError(f"'{missing.name}' is undefined", missing.lineno, session.name, session.name)


def _work(session: Session, request: Message) -> Any:
    return session.expressions(request["items"]) if "items" in request else session.render(request["source"])


# --- one request after another ---------------------------------------------------------------------------------------


def failure(error: BaseException, request: Message) -> Message:
    """Describe an error as the parent can tell it: kind, Jinja2's message, and the place where it is known."""
    ballast.clear()
    kinds: dict[type[BaseException], str] = {
        MemoryError: "memory",
        OutOfTime: "time",
        TooMuchError: "output",
        RecursionError: "recursion",
    }
    kind = next((kind for known, kind in kinds.items() if isinstance(error, known)), "template")
    message = error.message if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    if isinstance(error, TemplateNotFound):
        kind, message = "missing", str(error)
    file, line = error_place(error)
    if "items" in request:
        later = line - 1 if isinstance(error, TemplateSyntaxError) else 0
        file, line = request["name"], request.get("line", 0) + later
    return {"kind": kind, "message": message or str(error), "in": file or request["name"], "line": line}


@contextmanager
def own_time(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after so many seconds, less those that `ask` waits for the parent."""

    def stop(*_: Any) -> NoReturn:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def handle(request: Message) -> Message:
    """One request from its first to its last message."""
    try:
        with own_time(request["seconds"]):
            return {"done": rehearse(request) if request["rehearse"] else _work(Session(request), request)}
    except Abort:
        return {"done": None}
    except (Exception, OutOfTime) as error:  # noqa: BLE001 - the boundary: every failure becomes a message
        return {"failed": failure(error, request)}


ballast = [bytearray(4 << 20)]
"""Given up when memory has run out, so that the failure can still be told."""


def bound_memory(more: int) -> None:
    """Let the address space grow by so many bytes beyond what it is now, where the system can tell and bind that."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    bound_memory(json.loads(sys.stdin.buffer.readline() or b'{"memory": 0}')["memory"])
    for line in iter(sys.stdin.buffer.readline, b""):
        send(handle(json.loads(line)))


if __name__ == "__main__":
    main()
