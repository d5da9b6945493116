"""What each template function gives, from the results of runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from gpu_doc.errors import ReportError
from gpu_doc.execution.agent.pseudo_terminal import CUT
from gpu_doc.functions import comparison, exhibits, launch, plaintext, tables, values
from gpu_doc.functions import environment as machine
from gpu_doc.functions.address import Address, find_run, find_runs, parse
from gpu_doc.functions.calls import Arguments, bind
from gpu_doc.functions.precheck import check, needed_runs
from gpu_doc.git import lfs
from gpu_doc.model.answers import Answer, Asset, Call
from gpu_doc.model.configuration import Capture, Report
from gpu_doc.model.pictures import Exhibit
from gpu_doc.model.results import Result
from gpu_doc.model.values import Json
from gpu_doc.notebooks.cells import ExecutedCell, executed_cells, find_cell, joined, missing_cell, source_cells
from gpu_doc.record import consumption
from gpu_doc.record.cuts import cut_of, from_record
from gpu_doc.text import markdown

__all__ = ["Answers", "check", "needed_runs"]

_KEPT = 4
"""Executed notebooks that are held in memory at once."""
_LARGEST_FILE = 50_000_000
"""Bytes of a produced file that are read into a report."""

Output = Mapping[str, Json]


class Answers:
    """Answers the calls of one report's template."""

    def __init__(self, report: Report, capture: Capture, results: Mapping[str, Result], *, root: Path) -> None:
        """`results` by run address; it may grow."""
        self._report = report
        self._framing = exhibits.Framing(capture, report)
        self._results = results
        self._root = root
        self._notebooks: dict[tuple[str, str], list[ExecutedCell]] = {}
        self._functions: Mapping[str, Callable[[Arguments], Answer]] = {
            "shot": self._shot,
            "image": self._image,
            "text": self._text,
            "table": self._table,
            "code": self._code,
            "value": self._value,
            "terminal": self._terminal,
            "compare": self._compare,
            "environment": self._environment,
            "resources": self._resources,
            "launch_command": self._launch_command,
        }

    def answer(self, call: Call) -> Answer:
        """What a call gives. Raises ReportError; KeyError for a run without a result, which is the caller's mistake."""
        return self._functions[call.function](bind(call))

    # --- what an address names ------------------------------------------------------------------------------------

    def _result(self, address: Address) -> Result:
        return self._results[find_run(address, self._report).address]

    def _cells(self, result: Result) -> list[ExecutedCell]:
        key = result.run.address, result.fingerprint
        if key not in self._notebooks:
            while len(self._notebooks) >= _KEPT:
                self._notebooks.pop(next(iter(self._notebooks)))
            self._notebooks[key] = self._named(executed_cells(result.executed), result)
        return self._notebooks[key]

    def _named(self, cells: list[ExecutedCell], result: Result) -> list[ExecutedCell]:
        """The cells under the names that the source gives them now: a tag added since need not run anything again."""
        sources = {cell.number: cell for cell in source_cells(self._root / str(result.run.notebook))}
        return [
            replace(cell, id=source.id, tags=source.tags) if (source := sources.get(cell.number)) else cell
            for cell in cells
        ]

    def _cell(self, address: Address, result: Result) -> ExecutedCell:
        """The cell that an address names; a glued value comes as a cell with just its outputs."""
        cells, name = self._cells(result), address.cell or ""
        notebook = str(result.run.notebook)
        glued = values.glued([output for cell in cells for output in cell.outputs], name)
        named = [cell for cell in cells if name in cell.names]
        if glued and named:
            raise ReportError(
                f"`{name}` is a cell of {notebook} (#{named[0].number}) and a glued value too",
                remedy="Give one of them another name.",
            )
        if glued:
            return ExecutedCell(0, "", (name,), "", "", cells[0].language, outputs=tuple(glued))
        if not named:
            known = [known for cell in cells for known in values.glued_names(cell.outputs)]
            missing = missing_cell(cells, name, notebook, values=known)
            if lost := from_record(result.record):
                missing.remedy = f"{missing.remedy} Some values may be lost: {lost[0].sentence} in {lost[0].name}."
            raise missing
        return find_cell(cells, name, notebook)

    def _outputs(self, address: Address, result: Result, arguments: Arguments) -> tuple[Output, ...]:
        """The outputs that a call is about: all of a cell, or the one that it names."""
        cell = self._cell(address, result)
        self._check_whole(address, cell, result, arguments.get("output"))
        outputs = cell.outputs if cell.number else cell.outputs[-1:]
        if not outputs:
            raise ReportError(
                f"{_the_cell(address)} has no output",
                remedy="End it with the thing to show, or show it with display().",
            )
        number = arguments.get("output")
        if number is None:
            return outputs
        if number > len(outputs):
            plural = "s" if len(outputs) > 1 else ""
            raise ReportError(
                f"{_the_cell(address)} has {len(outputs)} output{plural}: output={number} is none of them"
            )
        return (outputs[number - 1],)

    def _check_whole(self, address: Address, cell: ExecutedCell, result: Result, output: int | None = None) -> None:
        """Raise ReportError where output of a cell was cut, unless that came after the one that is asked for."""
        cut = cut_of(result.record, cell.number) if cell.number else None
        if cut and not (output and output <= cut.after):
            raise cut.error(_the_cell(address))

    def _file(self, address: Address, result: Result) -> Path:
        path = result.produced(address.file or "")
        if not path.is_file() or not path.resolve().is_relative_to(result.folder.resolve()):
            raise ReportError(
                f"run {address.run} left no file {address.file}",
                remedy="`produces` says which files are kept; the run itself has to write it, relative to root.",
            )
        if path.stat().st_size > _LARGEST_FILE:
            raise ReportError(f"{address.file} is larger than {_LARGEST_FILE >> 20} MiB", remedy="Show a part of it.")
        if lfs.is_pointer(path):
            what = f"{address.file} is no file of the run: it is a pointer of Git LFS that was not fetched"
            raise ReportError(what, remedy=lfs.remedy(address.file or ""))
        return path

    # --- pictures -------------------------------------------------------------------------------------------------

    def _shot(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        outputs = self._outputs(address, result, arguments)
        show = arguments.get("show") or "output"
        cell = self._cell(address, result)
        pictured = [
            Exhibit(
                kind="cell" if show == "cell" else "output",
                outputs=outputs,
                source=cell.source if show == "cell" else "",
                language=cell.language,
                width=arguments.get("width") or self._framing.capture.width,
                scale=self._framing.capture.scale,
                theme=theme,
                name=arguments.address,
                place=_place(cell, result),
            )
            for theme in self._framing.theme(arguments)
        ]
        alt = exhibits.sentence(address, show=show, output=arguments.get("output"))
        return _pictured(self._framing.picture("shot", arguments, pictured, alt), result)

    def _terminal(self, arguments: Arguments) -> Answer:
        from gpu_doc.text.terminal import plain_text, read_screen

        address = parse(arguments.address)
        result = self._result(address)
        log = result.log.read_bytes()
        pictured = []
        for theme in self._framing.theme(arguments):
            lines = read_screen(log, theme=theme)
            _some_text(lines, f"run {address.run} wrote nothing to its terminal")
            kept = _kept(_whole(plain_text(lines), arguments), arguments)
            pictured.append(
                Exhibit(
                    kind="terminal",
                    lines=tuple(lines[index] for index in kept),
                    width=arguments.get("width") or self._framing.capture.width,
                    scale=self._framing.capture.scale,
                    theme=theme,
                    name=arguments.address,
                )
            )
        return _pictured(self._framing.picture("terminal", arguments, pictured, exhibits.sentence(address)), result)

    def _image(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        if address.file is not None:
            path = self._file(address, result)
            name = exhibits.asset_name("image", arguments, PurePosixPath(address.file).suffix.lower())
            asset = Asset(name=name, digest=sha256(path.read_bytes()).hexdigest(), source=path)
        else:
            outputs = self._outputs(address, result, arguments)
            content, suffix = exhibits.image_bytes(outputs, _the_cell(address))
            name = exhibits.asset_name("image", arguments, suffix)
            asset = Asset(name=name, digest=sha256(content).hexdigest(), content=content)
        alt = exhibits.sentence(address, output=arguments.get("output"))
        return _pictured(self._framing.copied(arguments, asset, alt), result)

    # --- text -----------------------------------------------------------------------------------------------------

    def _text(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        lines = self._text_lines(address, result, arguments)
        _some_text(lines, f"{arguments.address} has no text", remedy="text() shows standard output and text/plain.")
        if arguments.get("match") and address.cell is None and address.file is None:
            _whole(lines, arguments)
        text = "\n".join(lines[index] for index in _kept(lines, arguments))
        return Answer(value=markdown.fenced(text, "text"), runs=(result.run.address,))

    def _text_lines(self, address: Address, result: Result, arguments: Arguments) -> list[str]:
        if address.file is not None:
            content = self._file(address, result).read_bytes().decode("utf-8-sig", "replace")
            return plaintext.as_seen(content).rstrip("\n").split("\n")
        if address.cell is None:
            from gpu_doc.text.terminal import plain_text, read_screen

            return plain_text(read_screen(result.log.read_bytes()))
        return plaintext.output_text(self._outputs(address, result, arguments)).split("\n")

    def _code(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        cell = self._cell(address, result)
        if not cell.number:
            raise ReportError(f"`{address.cell}` is a glued value, not a cell: it has no source")
        return Answer(value=markdown.fenced(cell.source.rstrip(), cell.language), runs=(result.run.address,))

    def _table(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        if address.file is not None:
            rows = tables.from_csv(self._file(address, result).read_bytes(), address.file)
        else:
            rows = _only_table(self._outputs(address, result, arguments), _the_cell(address))
        return Answer(value=tables.to_markdown(rows), runs=(result.run.address,))

    # --- values ---------------------------------------------------------------------------------------------------

    def _value(self, arguments: Arguments) -> Answer:
        address = parse(arguments.address)
        result = self._result(address)
        value = self._raw_value(address, result)
        return Answer(value=_safe_value(value), runs=(result.run.address,))

    def _raw_value(self, address: Address, result: Result) -> Json:
        if address.file is not None:
            content = self._file(address, result).read_text("utf-8", "replace")
            try:
                return values.value_in_file(content)
            except values.NoValue as error:
                raise ReportError(f"{address.file} holds no single number or string") from error
        cell = self._cell(address, result)
        self._check_whole(address, cell, result)
        return values.value_of(cell.outputs)

    def _compare(self, arguments: Arguments) -> Answer:
        runs = find_runs(arguments.address, self._report)
        names: Sequence[str] = arguments.get("values")
        columns = {
            name: [self._raw_value(Address(run.address, cell=name), self._results[run.address]) for run in runs]
            for name in names
        }
        best = {name: comparison.best_of(name, arguments.get("best")) for name in names}
        return Answer(value=comparison.comparison(runs, columns, best), runs=tuple(run.address for run in runs))

    def _environment(self, arguments: Arguments) -> Answer:
        result = self._result(parse(arguments.address))
        return Answer(value=machine.environment(result), runs=(result.run.address,))

    def _resources(self, arguments: Arguments) -> Answer:
        from gpu_doc.functions.consumption_chart import chart

        address = parse(arguments.address)
        result = self._result(address)
        taken = consumption.read(result)
        if taken is None:
            what = f"what run {address.run} took was not measured: it was made by an earlier version"
            raise ReportError(what, remedy="Run again with --force.")
        if not taken.samples:
            return Answer(value=consumption.sentence(taken), runs=(result.run.address,))
        width = arguments.get("width") or self._framing.capture.width
        pictured = [
            Exhibit(
                kind="output",
                outputs=(exhibits.svg_output(chart(taken, width=width, theme=theme)),),
                width=width,
                scale=self._framing.capture.scale,
                theme=theme,
                name=arguments.address,
            )
            for theme in self._framing.theme(arguments)
        ]
        measured = "CPU, memory and GPU" if "gpu_memory" in taken.peaks else "CPU and memory"
        alt = f"{measured} of run {address.run} over time"
        picture = self._framing.picture("resources", arguments, pictured, alt)
        text = f"{picture.markdown}\n\n{consumption.sentence(taken)}"
        return Answer(value=text, runs=(result.run.address,), assets=picture.assets)

    def _launch_command(self, arguments: Arguments) -> Answer:
        result = self._result(parse(arguments.address))
        text = launch.command(result, self._root)
        return Answer(value=markdown.fenced(text, "sh"), runs=(result.run.address,))


def _pictured(picture: exhibits.Picture, result: Result) -> Answer:
    return Answer(value=picture.markdown, runs=(result.run.address,), assets=picture.assets)


def _place(cell: ExecutedCell, result: Result) -> str:
    """Notebook and cell, as messages and annotations name them; a glued value has no cell of its own here."""
    name = f" ({cell.name})" if cell.name else ""
    return f"{result.run.notebook}, cell {cell.number}{name}" if cell.number else str(result.run.notebook)


def _the_cell(address: Address) -> str:
    return f"cell {address.cell} of run {address.run}"


def _kept(lines: Sequence[str], arguments: Arguments) -> list[int]:
    return plaintext.kept_lines(lines, lines_wanted=arguments.get("lines"), match=arguments.get("match"))


def _whole(lines: Sequence[str], arguments: Arguments) -> Sequence[str]:
    """A terminal's lines. Raises ReportError where something would be missing from what is shown of them."""
    cuts = {index for index, line in enumerate(lines) if line.startswith(f"… {CUT} ")}
    if cuts and (arguments.get("match") or cuts.intersection(_kept(lines, arguments))):
        raise ReportError(
            f"the terminal's log was cut (`limits.output`), in line {min(cuts) + 1} of what is kept",
            remedy='Raise `limits.output`, print less, or take lines before or after the cut, such as lines="-20:".',
        )
    return lines


def _some_text(lines: Sequence[object], what: str, *, remedy: str = "") -> None:
    if not any(lines):
        raise ReportError(what, remedy=remedy)


def _only_table(outputs: Sequence[Output], what: str) -> tables.Rows:
    """The one table among outputs. Raises ReportError if there is none, or more than one."""
    pieces = [joined((output.get("data") or {}).get("text/html", "")) for output in outputs]
    found = [rows for html in pieces if "<table" in html if (rows := tables.from_html(html))]
    if not found:
        raise ReportError(f"{what} shows no data frame", remedy="shot() takes a picture of it, text() its text.")
    if len(found) > 1:
        raise ReportError(f"{what} shows {len(found)} tables", remedy="Say which output with output=, from 1.")
    return found[0]


def _safe_value(value: Json) -> Json:
    """A value as a template gets it: no number that JSON lacks, and no comment that would hide what follows."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        return markdown.without_comments(re.sub(r"\r\n?", "\n", value))
    if isinstance(value, list):
        return [_safe_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _safe_value(item) for key, item in value.items()}
    return value
