"""Renders or rehearses one template: its functions ask the parent, or are recorded and return placeholders."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, nodes
from jinja2.exceptions import (
    SecurityError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
    UndefinedError,
)

from gpu_doc.model.answers import Call
from gpu_doc.report.template_errors import TooMuchError, caller_place
from gpu_doc.report.template_messages import (
    Answer,
    Answered,
    Ask,
    Load,
    Loaded,
    Recorded,
    Rendered,
    Request,
    Texts,
    Unanswered,
)
from gpu_doc.report.template_trace import TracingEnvironment
from gpu_doc.report.template_values import (
    Environment,
    Function,
    LaterVersionError,
    Placeholder,
    Text,
    delta,
    demand,
    percent,
    shown,
)

AskParent = Callable[[Load | Ask], Answer]
"""Asks the parent, and returns its answer; never an Abort, which raises instead."""

LONGEST_CALL = 100_000
"""The most characters of a call's arguments as JSON."""


@dataclass
class Work:
    """A request in progress."""

    request: Request
    ask: AskParent
    line: int = 0
    """The line of the current expression."""

    def done(self) -> Rendered | Texts | Recorded:
        """Return what was requested: the text of a template, the texts of expressions, or a rehearsal."""
        return self._rehearsed() if self.request.rehearse else Session(self, self.request).work()

    def _rehearsed(self) -> Recorded:
        """Record the calls of a text, once with every condition on an answer true and once with all of them false."""
        if self.request.source is not None:
            return Recorded(tuple(_rehearse_one(self, self.request)))
        calls: list[Ask] = []
        for item in self.request.items:
            self.line = item[0]
            calls += _rehearse_one(self, replace(self.request, items=(item,)))
        return Recorded(tuple(calls))


class ParentLoader(BaseLoader):
    """Loads templates from the parent, with the path that errors should name."""

    def __init__(self, ask: AskParent) -> None:
        self._ask = ask

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002 - Jinja2's
        """Return text and file name. Raises TemplateNotFound if the parent has none."""
        file, line = caller_place()
        found = self._ask(Load(template, file, line))
        if not isinstance(found, Loaded):
            raise TemplateNotFound(template)
        return found.text, found.name, lambda: True


class Session:
    """One request: an environment whose functions ask the parent, or in a rehearsal return placeholders."""

    def __init__(self, work: Work, request: Request, truth: bool | None = None) -> None:  # noqa: FBT001 - three-valued
        """`truth` is set in a rehearsal: the value of all conditions on an answer."""
        self._work = work
        self.request = request
        self.name = request.name
        self.truth = truth
        self.calls: list[Ask] = []
        loader = ParentLoader(work.ask)
        self._asked = 0
        made = TracingEnvironment if request.trace else Environment
        self.environment = made(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
        self.environment.filters.update(percent=percent, delta=delta)
        del (
            self.environment.filters["random"],
            self.environment.globals["lipsum"],
        )  # the same input gives the same bytes
        if isinstance(self.environment, TracingEnvironment):
            self.environment.wrap_filters()
        self.environment.globals["delta"] = delta
        self.environment.globals["report"] = request.report
        self.environment.globals.update({name: self._function(name) for name in request.functions})

    def _function(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            file, line = (self.name, self._work.line) if self.request.source is None else caller_place()
            text = json.dumps([name, list(args), kwargs], default=_not_json)
            if len(text) > LONGEST_CALL:
                raise TemplateRuntimeError(f"what {name}() is given is longer than {LONGEST_CALL} characters")
            _, positional, named = json.loads(text)
            asked = Ask(Call(function=name, args=tuple(positional), kwargs=named), file, line)
            if self.truth is not None:
                self.calls.append(asked)
                return Placeholder(truth=self.truth)
            answer = self._work.ask(asked)
            if isinstance(answer, Unanswered):
                return Placeholder(truth=answer.truth)
            assert isinstance(answer, Answered)
            value = Text(answer.value) if name == "value" and isinstance(answer.value, str) else answer.value
            return self._traced(value)

        return Function(name, call)

    def _traced(self, value: Any) -> Any:
        """Return an answer; where the text is traced, carrying the number of its call."""
        if not isinstance(self.environment, TracingEnvironment):
            return value
        self._asked += 1
        return self.environment.answered(value, self._asked - 1)

    def work(self) -> Rendered | Texts:
        """Return the text of a template, or the texts of expressions."""
        return self._expressions() if self.request.source is None else self._render(self.request.source)

    def _render(self, source: str) -> Rendered:
        code = self.environment.compile(source, self.name, self.name)
        template = Template.from_code(self.environment, code, self.environment.make_globals(None))
        parts, size = [], 0
        for part in template.generate():
            size += len(part.encode("utf-8", "surrogatepass"))
            if size > self.request.output:
                raise TooMuchError
            parts.append(part)
        return Rendered("".join(parts))

    def _expressions(self) -> Texts:
        texts, size = [], 0
        for line, expression in self.request.items:
            self._work.line = line
            value = self.environment.compile_expression(expression, undefined_to_none=False)()
            texts.append(str(shown(value)))
            size += len(texts[-1])
            if size > self.request.output:
                raise TooMuchError
        return Texts(tuple(texts))


def _not_json(value: Any) -> Any:
    if isinstance(value, Placeholder):
        return str(value)
    demand(value)
    raise TemplateRuntimeError(f"functions take text, numbers and lists of them, not {type(value).__name__}")


def _undefined_name(tree: nodes.Template, known: set[str]) -> nodes.Name | None:
    """Return a name that nothing defines, in any branch; a name that is tested with `is defined` may be missing."""
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


def _rehearse_one(work: Work, request: Request) -> list[Ask]:
    calls: list[Ask] = []
    errors: list[Exception] = []
    for truth in (True, False):
        session = Session(work, request, truth)
        try:
            _check_names(session)
            session.work()
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


def _check_names(session: Session) -> None:
    """Raise an error for an undefined name before anything is evaluated, also in branches that a rehearsal skips."""
    request = session.request
    source = "{{" + request.items[0][1] + "}}" if request.source is None else request.source
    tree = session.environment.parse(source, session.name, session.name)
    if tree.find(nodes.Extends) or tree.find(nodes.Include):
        return  # the other file may define or use names of this one
    if missing := _undefined_name(tree, set(session.environment.globals)):
        raise TemplateSyntaxError(f"'{missing.name}' is undefined", missing.lineno, session.name, session.name)
