"""Turns what the schema read into the model's values: merges levels, and does checks across keys or with files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_doc.config.schema import MAX_POINTS, SETTINGS
from gpu_doc.config.shapes import Section, Values
from gpu_doc.config.sites import site_of
from gpu_doc.config.yaml12 import Node, Problems, Scalar
from gpu_doc.model.configuration import (
    Capture,
    Config,
    DataSource,
    GpuRequirement,
    Limits,
    Publish,
    Report,
    Retries,
    Run,
)
from gpu_doc.model.values import Scalar as Value

if TYPE_CHECKING:
    from gpu_doc.model.claims import Claim

_MERGED = frozenset(key for key, spec in SETTINGS.keys.items() if isinstance(spec.kind, Section))
"""The keys that merge key by key; others replace."""

Absent = Callable[[Path, str], str]
"""Explains a missing file, given root and its path: the end of a sentence, or empty."""


class Assembly:
    """Assembles one configuration; adds what is wrong to `problems`."""

    def __init__(self, path: Path, root: Path, problems: Problems, absent: Absent) -> None:
        self.absent = absent
        self.path = path
        self.root = root
        self.name = path.relative_to(root).as_posix()
        self.problems = problems
        self.lines: dict[tuple[str, ...], int] = {}
        self.files: dict[str, bool] = {}
        self.defaults = Run(report="", name="", address="", line=0)
        """The settings of a run that has none of its own."""

    def config(self, values: Values) -> Config:
        """Assemble the whole configuration."""
        reports = values.get("reports", ())
        self.check_paths([report for report in reports if "path" in report])
        defaults = values.get("defaults", Values(values.node))
        self.defaults = replace(self.defaults, **_settings(merge((defaults,))))
        sections = {name: values.get(name, {}) for name in ("capture", "publish")}
        for name, section in sections.items():
            self.lines |= {(name, key): section.line(key) for key in section}
        return Config(
            path=self.path,
            root=self.root,
            reports=self.sentences(values, tuple(self.report(report, defaults) for report in reports)),
            capture=Capture(**_fields(sections["capture"])),
            publish=Publish(**_fields(sections["publish"])),
            lines=self.lines,
        )

    def report(self, values: Values, defaults: Values) -> Report:
        """Assemble one report."""
        path, template = values.get("path", ""), values.get("template")
        if template is not None:
            self.need_file(template, values.place("template"))
        elif path and not values.has("template"):
            self.need_file(
                path, values.place("path"), " (it has no `template`, so that its marked blocks are refreshed)"
            )
        runs = values.get("runs", {})
        made = [run for name in runs for run in self.runs(path, name, runs, (defaults, values, runs[name]))]
        claims: tuple[Claim, ...] = ()
        if expect := values.get("expect"):
            from gpu_doc.config.claims import of_report  # only who has claims pays for it

            claims = of_report(expect, made, self.name, self.problems)
        return Report(
            path=path,
            line=values.node.line,
            template=template,
            runs=tuple(made),
            claims=claims,
            on_failure=values.get("on-failure", Report.on_failure),
            fit=values.get("fit") or defaults.get("fit", Report.fit),
            site=values.get("for") or defaults.get("for") or (site_of(self.root, path) if path else Report.site),
        )

    def runs(self, report: str, name: str, all_runs: Values, levels: tuple[Values, ...]) -> Iterator[Run]:
        """Return the runs of one entry: one, or one for each point of its matrix."""
        run = levels[-1]
        key = all_runs.key(name)
        if not self.check_run(name, run, key):
            return
        for level in levels:
            self.lines |= {(report, name, k): level.line(k) for k in level if k in SETTINGS.keys}
        shared = {
            **_settings(merge(levels)),
            "report": report,
            "name": name,
            "line": key.line,
            "notebook": run.get("notebook"),
            "command": run.get("command"),
        }
        for address, written, chosen in points(name, run.get("matrix", {})):
            parameters = {**run.get("parameters", {}), **chosen}
            yield Run(address=address, point=written, parameters=parameters, **shared)

    def check_run(self, name: str, run: Values, key: Node) -> bool:
        """Return whether a run is complete; note what is wrong."""
        before = len(self.problems)
        has = [kind for kind in ("notebook", "command") if run.has(kind)]
        if len(has) != 1:
            wrong = "has both `notebook` and `command`; give one of them" if has else "needs `notebook` or `command`"
            self.problems.append(key.problem(f"the run `{name}` {wrong}"))
        for word in ("parameters", "matrix"):
            if has == ["command"] and run.get(word):
                problem = f"`{word}` is for notebooks; write a command's values into `command`"
                self.problems.append(run.key(word).problem(problem))
        if "notebook" in run:
            self.need_file(run["notebook"], run.place("notebook"))
        self.check_matrix(run)
        return len(self.problems) == before and bool(run.get("notebook") or run.get("command"))

    def check_matrix(self, run: Values) -> None:
        """Check that values fit into addresses, that none is in `parameters` too, and that there are not too many."""
        matrix = run.get("matrix", {})
        for name, values in matrix.items():
            self.problems += [value.problem(f"`{name}`: {why}") for value, why in trouble(values)]
            if name in run.get("parameters", {}):
                problem = f"`{name}` stands in `parameters` too; give it in one place"
                self.problems.append(matrix.key(name).problem(problem))
        count = prod(len(values) for values in matrix.values())
        if count > MAX_POINTS:
            problem = f"a matrix of {count:,} runs is too large; {MAX_POINTS:,} is the most"
            self.problems.append(run.key("matrix").problem(problem))

    def check_paths(self, reports: list[Values]) -> None:
        """Check that no report is another's source, or shares its file or its folder of pictures."""
        seen: dict[str, str] = {}
        sources = {report.get("template") for report in reports}
        sources |= {run.get("notebook") for report in reports for run in report.get("runs", {}).values()}
        for report in reports:
            path, node = report["path"], report.place("path")
            stem = path.rpartition(".")[0]
            if stem in seen:
                same = "is written by two reports"
                same = same if seen[stem] == path else f"shares its pictures' folder with `{seen[stem]}`"
                self.problems.append(node.problem(f"`{path}` {same}"))
            seen[stem] = path
            if path in sources:
                self.problems.append(node.problem(f"`{path}` is a template or notebook too, and would be overwritten"))

    def sentences(self, values: Values, reports: tuple[Report, ...]) -> tuple[Report, ...]:
        """Check all tolerances, and return the reports with the claims of sentences about their values."""
        every = [run for report in reports for run in report.runs]
        levels = [values.get("defaults", {})]
        for report in values.get("reports", ()):
            levels += [report, *report.get("runs", {}).values()]
        tolerances = [level["tolerance"] for level in levels if "tolerance" in level]
        if not tolerances and not values.get("claims"):
            return reports
        from gpu_doc.config.claims import check_tolerances, of_sentences  # only who has claims pays for it

        for tolerance in tolerances:
            check_tolerances(tolerance, every, self.problems)
        files = values.get("claims")
        return of_sentences(files, reports, self.name, self.problems, self.need_file) if files else reports

    def need_file(self, path: str, node: Node, why: str = "") -> None:
        """Check that a file exists."""
        if path not in self.files:
            self.files[path] = (self.root / path).is_file()
        if not self.files[path]:
            from gpu_doc.config.suggest import near_files  # only a mistake pays for it

            hint = self.absent(self.root, path) or f"{why}{near_files(self.root, path)}"
            self.problems.append(node.problem(f"there is no file `{path}`{hint}"))


class OtherAssembly(Assembly):
    """Assembles the configuration of another commit: the files that it names need not exist here."""

    def need_file(self, path: str, node: Node, why: str = "") -> None:
        """Check nothing."""


def merge(levels: tuple[Values, ...]) -> dict[str, Any]:
    """Merge run over report over defaults, for the keys that all three levels may have."""
    merged: dict[str, Any] = {}
    for level in levels:
        for key, value in level.items():
            if key in _MERGED:
                merged[key] = _over(merged.get(key, {}), value)
            elif key in SETTINGS.keys:
                merged[key] = value
    return merged


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    nested = {k: _over(below.get(k, {}), v) for k, v in above.items() if isinstance(v, Values)}
    return {**below, **above, **nested}


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename keys to the model's fields."""
    return {key.replace("-", "_"): value for key, value in values.items()}


def _settings(merged: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Run that come from the merged levels."""
    limits = merged.pop("limits", {})
    requires = merged.pop("requires", {})
    settings = _fields(merged)
    settings["limits"] = Limits(written=frozenset(limits), **_fields(limits))
    settings["requires"] = GpuRequirement(**requires["gpu"]) if "gpu" in requires else None
    settings["retries"] = Retries(**merged.get("retries", {}))
    settings["data"] = tuple(_source(source) for source in merged.get("data", ()))
    settings["caches"] = dict(merged.get("caches", {}))
    settings["tolerance"] = dict(merged.get("tolerance", {}))
    return settings


def _source(source: str | Values) -> DataSource:
    return DataSource(path=source) if isinstance(source, str) else DataSource(**{"path": "", **source})


# --- a matrix and its points -----------------------------------------------------------------------------------------

Matrix = Mapping[str, Sequence[Scalar]]


def points(name: str, matrix: Matrix) -> Iterator[tuple[str, dict[str, str], dict[str, Value]]]:
    """Yield each point's address, values as written, and values; the last key changes fastest.

    Without a matrix, there is one point; its address is the run's name.
    """
    if not matrix:
        yield name, {}, {}
        return
    for combination in product(*matrix.values()):
        written = {key: as_written(value) for key, value in zip(matrix, combination, strict=True)}
        address = ",".join(f"{key}={text}" for key, text in written.items())
        yield f"{name}[{address}]", written, {k: v.value for k, v in zip(matrix, combination, strict=True)}


def as_written(value: Scalar) -> str:
    """Return a value as addresses write it: `1e-4` stays `1e-4`, and an empty value is `null`."""
    return value.text or ("null" if value.value is None else "")


def trouble(values: Sequence[Scalar]) -> Iterator[tuple[Scalar, str]]:
    """Yield the values of one key that don't fit into an address, or that occur twice."""
    seen = set()
    for value in values:
        text = as_written(value)
        if text in seen:
            yield value, f"`{text}` stands twice, so that an address would fit two runs"
        elif text != text.strip() or any(c in "[],\"'`<>\\" or not c.isprintable() for c in text):
            yield (
                value,
                f"`{text}` cannot be part of an address: no spaces around it, no quotes, and none of [ ] , < > \\",
            )
        seen.add(text)
