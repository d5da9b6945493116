"""Assembles claims: of reports (`expect`), and of sentences (`claims`). Imported only where there are some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_doc.claims.condition_text import NotACondition, parse
from gpu_doc.claims.numbers import NotAnAmount, tolerance
from gpu_doc.claims.prose import sentence
from gpu_doc.config.yaml12 import Items, Problems, Scalar, Tree
from gpu_doc.model.claims import Claim, tolerance_of
from gpu_doc.model.configuration import Report, Run
from gpu_doc.model.location import Location
from gpu_doc.text.nearest import nearest

if TYPE_CHECKING:
    from gpu_doc.config.shapes import Values
    from gpu_doc.config.yaml12 import Node

NeedFile = Callable[[str, "Node"], None]
"""Notes a problem if a file does not exist."""


def of_report(expect: Values, runs: Sequence[Run], file: str, problems: Problems) -> tuple[Claim, ...]:
    """Return the claims of a report's `expect`; note what is wrong. `file` is the configuration."""
    claims: list[Claim] = []
    for address in expect:
        meant = _named(address, runs)
        if not meant:
            problems.append(expect.key(address).problem(f"`{address}`: this report has no {_no_run(address, runs)}"))
        for node in _items(expect.place(address)):
            try:
                parse(node.text)
            except NotACondition as error:
                problems.append(node.problem(f"`{address}`: {error}"))
                continue
            claims += (_claim(run, part, node.text.strip(), Location(file, node.line)) for run, part in meant)
    return tuple(claims)


def of_sentences(
    files: Values, reports: Sequence[Report], file: str, problems: Problems, need_file: NeedFile
) -> tuple[Report, ...]:
    """Return the reports with the claims of sentences about their runs; note what is wrong."""
    more: dict[str, list[Claim]] = {}
    for path, claims in files.items():
        need_file(path, files.key(path))
        for values in claims:
            if found := _of_sentence(path, values, reports, file, problems):
                more.setdefault(found[0], []).append(found[1])
    return tuple(replace(report, claims=(*report.claims, *more.get(report.path, ()))) for report in reports)


def check_tolerances(values: Values, runs: Sequence[Run], problems: Problems) -> None:
    """Check `tolerance` of a run, a report or `defaults`: each is one, and about a run that there is."""
    for address, text in values.items():
        if not _named(address, runs):
            problems.append(values.key(address).problem(f"`{address}`: there is no {_no_run(address, runs)}"))
        _checked(text, values.place(address), f"`{address}`", problems)


def _checked(text: str, node: Node, name: str, problems: Problems) -> None:
    try:
        tolerance(text)
    except NotAnAmount as error:
        problems.append(node.problem(f"{name}: {error}"))


def _of_sentence(
    path: str, values: Values, reports: Sequence[Report], file: str, problems: Problems
) -> tuple[str, Claim] | None:
    """Return a claim, and the path of the report whose run gives its value."""
    before = len(problems)
    if "text" in values:
        try:
            sentence(values["text"])
        except ValueError as error:
            problems.append(values.place("text").problem(f"`text`: {error}"))
    if "tolerance" in values:
        _checked(values["tolerance"], values.place("tolerance"), "`tolerance`", problems)
    report = next((report for report in reports if report.path == path), None)
    mend = values.get("mend", False)
    if mend and report and report.template:
        what = f"`mend`: {path} is made from {report.template}; write value() there instead of the number"
        problems.append(values.place("mend").problem(what))
    owner = _owner(values, path, reports, problems) if "value" in values else None
    if owner is None or "text" not in values or len(problems) > before:
        return None
    claim = _claim(
        owner[1],
        values["value"],
        values["text"].strip(),
        Location(file, values.place("text").line),
    )
    said = values.get("tolerance", claim.tolerance)
    return owner[0].path, replace(claim, file=path, tolerance=said, mend=mend)


def _owner(values: Values, path: str, reports: Sequence[Report], problems: Problems) -> tuple[Report, Run] | None:
    """Return the run that a sentence's value comes from, and its report: the file itself, or the only one with it."""
    address, node = values["value"], values.place("value")
    found = [(report, run) for report in reports for run, part in _named(address, report.runs) if part == address]
    if own := [each for each in found if each[0].path == path]:
        return own[0]
    if not found:
        every = [run for report in reports for run in report.runs]
        problems.append(node.problem(f"`{address}`: no report has a {_no_run(address, every)}"))
        return None
    same = {replace(run, report="", line=0) == replace(found[0][1], report="", line=0) for _, run in found}
    if same != {True}:
        where = " and ".join(report.path for report, _ in found[:3])
        what = f"`{address}`: {where} have different runs of this name; give one of them another name"
        problems.append(node.problem(what))
        return None
    return found[0]


def _claim(run: Run, address: str, expected: str, location: Location) -> Claim:
    return Claim(address=address, expected=expected, location=location, tolerance=tolerance_of(run, address))


def _items(node: Tree) -> Iterator[Scalar]:
    for item in node.items if isinstance(node, Items) else [node]:
        if isinstance(item, Scalar) and item.value is not None:
            yield item


def _named(address: str, runs: Iterable[Run]) -> list[tuple[Run, str]]:
    """Return the runs that an address is about, each with its own address: `sweep[*]/accuracy` is about all points."""
    name, rest = _parted(address)
    if name.endswith("[*]"):
        return [(run, f"{run.address}/{rest}") for run in runs if run.point and run.name == name[:-3]]
    return [(run, address) for run in runs if run.address == name]


def _no_run(address: str, runs: Iterable[Run]) -> str:
    name, _ = _parted(address)
    every = list(runs)
    points = [run.address for run in every if run.point and run.name == name]
    if points:
        return f"run `{name}`, which is a matrix; did you mean `{points[0]}` or `{name}[*]`?"
    hint = "".join(f"; did you mean `{near}`?" for near in nearest(name, {run.address for run in every}))
    return f"run `{name}`{hint}"


def _parted(address: str) -> tuple[str, str]:
    run, bracket, rest = address.partition("]/")
    if bracket:
        return f"{run}]", rest
    run, _, rest = address.partition("/")
    return run, rest
