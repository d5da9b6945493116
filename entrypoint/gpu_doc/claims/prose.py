"""Finds a person's sentence in Markdown, whatever its line breaks and emphasis, and the number in it.

Code blocks, comments and front matter are no prose. Of a link, its text counts; of code inside a line, the code.
"""

from __future__ import annotations

import html
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from gpu_doc.claims.printed import LOOSE, Printed, read
from gpu_doc.errors import ClaimTextError
from gpu_doc.model.location import Location
from gpu_doc.text.prose import front_matter_end, stretches

_TOKEN = re.compile(
    r"(?P<word>[^\\`*~_!\[\]<&\s]+)"
    r"|(?P<space>(?:[ \t\u00a0\u202f\u2009]|(?:\r\n|\r|\n)[ \t]*(?:>[ \t]?)*)+)"
    r"|(?P<escaped>\\[!-/:-@\[-`{-~])"
    r"|(?P<comment><!--)"
    r"|(?P<link>\](?:\([^()\s]*(?:\s+\"[^\"\n]{0,300}\"\s*)?\)|\[[^\]\n]{0,300}\]))"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{0,30});)"
    r"|(?P<tag></?[A-Za-z][^<>]*>)"
    r"|(?P<markup>`+|\*+|~~|!?\[|\])"
    r"|(?P<underscores>_+)"
    r"|(?P<other>[\s\S])"
)
_NARROW = "\u00a0\u202f\u2009"
_WIDE = dict.fromkeys(map(ord, _NARROW), "\u00a0")
_DROPPED = frozenset({"link", "tag", "markup"})
_PLACE = "\ue000"
"""Stands for the number while a claim's sentence is read; no text of people has it."""
_NAMED = re.compile(r"\{\w*\}")
_BRACKETED = re.compile(r"\[(?P<inside>[^\[\]]{1,60})\](?![(\[])")
_NEAREST = 0.6
_CANDIDATES = 40


@dataclass(frozen=True)
class Plain:
    """Text as a reader sees it: its characters, and where in the Markdown each of them comes from."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return which part of the Markdown shows a part of it."""
        return self.starts[start], self.ends[end - 1]


def plain(source: str, start: int = 0, end: int | None = None) -> Plain:
    """Return a part of Markdown as a reader sees it: white space is one space, and markup is gone."""
    end = len(source) if end is None else end
    letters: list[str] = []
    starts, ends = array("L"), array("L")
    here = start
    while here < end and (token := _TOKEN.match(source, here, end)):
        kind, written, begin, here = token.lastgroup, token[0], here, token.end()
        if kind == "comment":
            close = source.find("-->", here, end)
            here = close + 3 if close >= 0 else end
        elif kind in ("word", "other"):
            letters += written
            starts.extend(range(begin, here))
            ends.extend(range(begin + 1, here + 1))
        elif kind not in _DROPPED:
            for letter in _seen(kind, written, source[begin - 1 : begin], source[here : here + 1]):
                if letter != " " or (letters and letters[-1] != " "):
                    letters.append(letter)
                    starts.append(begin)
                    ends.append(here)
    return Plain("".join(letters), starts, ends)


def _seen(kind: str | None, written: str, before: str, after: str) -> str:
    """Return what a reader sees of a token."""
    if kind == "space":
        # Between digits it may group them.
        return "\u00a0" if written in _NARROW and before.isdigit() and after.isdigit() else " "
    if kind == "escaped":
        return written[1:]
    if kind == "entity":
        shown = html.unescape(written)
        return " " if shown.isspace() else shown
    inside = (before.isalnum() or before == "_") and (after.isalnum() or after == "_")
    return written if inside else ""  # underscores: emphasis only around a word


@dataclass(frozen=True)
class Sentence:
    """A claim's sentence, or a part of one, with the place of its number."""

    written: str
    before: str
    after: str
    sample: Printed | None
    """The number as it stands in the claim; it shows the form, and is not compared."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it in plain text; the group `number` is the number."""
        left = r"(?<!\w)" if self.before[:1].isalnum() else ""
        right = r"(?!\w)" if self.after[-1:].isalnum() else ""
        return re.compile(f"{left}{re.escape(self.before)}{self._number}{re.escape(self.after)}{right}")

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        """The same for any text at the number's place: somebody may have written words instead."""
        return re.compile(f"{re.escape(self.before)}.{{1,60}}?{re.escape(self.after)}")

    @property
    def _number(self) -> str:
        unit = self.sample.unit if self.sample else ""
        if unit and unit != "%":
            return rf"(?P<number>{LOOSE})\s?{re.escape(unit)}"
        percent = "" if self.after.lstrip().startswith("%") else r"(?:\s?%)?"
        return rf"(?P<number>{LOOSE}{percent})"


def sentence(written: str) -> Sentence:
    """Read a claim's sentence. Raises ValueError, in words, unless it has one place for a number."""
    marks = [*_NAMED.finditer(written)]
    marks += [mark for mark in _BRACKETED.finditer(written) if read(mark["inside"].strip())]
    if not marks:
        marks = [*re.finditer(rf"{LOOSE}(?:\s?%)?", written)]
        if len(marks) > 1:
            numbers = ", ".join(f"`{mark[0]}`" for mark in marks[:5])
            raise ValueError(
                f"it has several numbers ({numbers}): put the one that is meant in brackets, [{marks[0][0]}]"
            )
    if not marks:
        raise ValueError("it has no number: write one where it stands, or {} in its place")
    if len(marks) > 1:
        raise ValueError("it has several places for a number: mark one, and make a claim of its own for each other one")
    (mark,) = marks
    inside = mark.groupdict().get("inside") or ("" if mark[0].startswith("{") else mark[0])
    seen = plain(f"{written[: mark.start()]}{_PLACE}{written[mark.end() :]}").text.strip()
    before, _, after = seen.partition(_PLACE)
    if sum(map(str.isalpha, before + after)) < 2:
        raise ValueError("it has too few words to be found by: write more of the sentence")
    return Sentence(written, before, after, read(inside.strip()) if inside else None)


@dataclass(frozen=True)
class Found:
    """Where a sentence stands in a file, and the number in it."""

    line: int
    printed: Printed
    start: int
    """Where the number's digits start in the file; the unit behind them is not part of it."""
    end: int
    written: str
    """These characters of the file."""

    @property
    def whole(self) -> bool:
        """Whether they are exactly the number: no markup is between its digits."""
        return self.written.translate(_WIDE) == self.printed.digits

    def of(self, value: Fraction) -> str:
        """Return the digits that print another value in the same form."""
        space = next((letter for letter in self.written if letter in _NARROW), "\u00a0")
        return self.printed.of(value).replace("\u00a0", space)


class Document:
    """A Markdown file in which sentences are found."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._plain: dict[tuple[int, int], Plain] = {}

    @cached_property
    def _parts(self) -> list[tuple[int, int]]:
        return list(stretches(self.text, front_matter_end(self.text)))

    def find(self, wanted: Sentence) -> Found:
        """Return where a sentence stands. Raises ClaimTextError if it is not there, or in several places."""
        places = list(self._occurrences(wanted))
        if len(places) == 1:
            return self._found(wanted, *places[0])
        if places:
            lines = [self.line_of(self._seen(part).span(match.start(), match.end())[0]) for part, match in places]
            raise ClaimTextError(
                f"this sentence stands in {len(places)} places, in lines {', '.join(map(str, lines[:10]))}: "
                f"“{_short(wanted.written)}”",
                where=Location(self.file, lines[1]),
                remedy="Write more of it into the claim's `text`, so that it fits one place.",
            )
        raise self._missing(wanted)

    def _occurrences(self, wanted: Sentence) -> Iterator[tuple[tuple[int, int], re.Match[str]]]:
        words = re.findall(r"[A-Za-z0-9]{3,}", f"{wanted.before} {wanted.after}")
        longest = max(words, key=len, default="")
        likely = [part for part in self._parts if self.text.find(longest, *part) >= 0]
        for parts in (likely, self._parts):  # a word may have emphasis inside
            found = [(part, match) for part in parts for match in wanted.pattern.finditer(self._seen(part).text)]
            if found:
                return iter(found)
        return iter(())

    def _seen(self, part: tuple[int, int]) -> Plain:
        if part not in self._plain:
            self._plain[part] = plain(self.text, *part)
        return self._plain[part]

    def _found(self, wanted: Sentence, part: tuple[int, int], match: re.Match[str]) -> Found:
        seen = self._seen(part)
        unit = wanted.sample.unit if wanted.sample else ""
        printed = read(match["number"], "" if unit == "%" else unit)  # a percent sign is part of the match
        assert printed
        begin = match.start("number")
        start, end = seen.span(begin, begin + len(printed.digits))
        return Found(self.line_of(start), printed, start, end, self.text[start:end])

    def line_of(self, position: int) -> int:
        """Return the number, from 1, of the line at a position."""
        text = self.text
        ends = text.count("\n", 0, position) + text.count("\r", 0, position) - text.count("\r\n", 0, position)
        return ends + 1

    def _missing(self, wanted: Sentence) -> ClaimTextError:
        """Return the error for a sentence that is not there, with what is nearest to it."""
        what = f"this sentence is not in {self.file} any more: “{_short(wanted.written)}”"
        for part in self._parts:
            seen = self._seen(part)
            if match := wanted.anywhere.search(seen.text):
                line = self.line_of(seen.span(match.start(), match.end())[0])
                said = seen.text[match.start() : match.end() + 30]
                remedy = f"There it reads “{_short(said)}”, without a number that can be read."
                return ClaimTextError(what, where=Location(self.file, line), remedy=remedy)
        if line := self._in_code(wanted):
            remedy = "It stands in code or in a comment there, which is no prose."
            return ClaimTextError(what, where=Location(self.file, line), remedy=remedy)
        near = self._nearest(wanted)
        line, said = near or (0, "")
        remedy = f"Nearest is “{_short(said)}”. " if said else ""
        return ClaimTextError(
            what, where=Location(self.file, line), remedy=f"{remedy}Correct the claim's `text`, or take the claim out."
        )

    def _in_code(self, wanted: Sentence) -> int:
        match = wanted.pattern.search(self.text)
        return self.line_of(match.start()) if match else 0

    def _nearest(self, wanted: Sentence) -> tuple[int, str] | None:
        """Return the line and the text of the sentence that is nearest in its words."""
        from difflib import SequenceMatcher

        text = f"{wanted.before}{wanted.sample.text if wanted.sample else '0'}{wanted.after}"
        words = set(text.lower().split())
        candidates = []
        for part in self._parts:
            seen = self._seen(part)
            for match in re.finditer(r"[^.!?]+(?:[.!?](?! )[^.!?]*)*[.!?]?", seen.text):
                common = len(words.intersection(match[0].lower().split()))
                if common:
                    candidates.append((common, -abs(len(match[0]) - len(text)), part, match))
        candidates.sort(key=lambda each: each[:2], reverse=True)
        best: tuple[float, int, str] | None = None
        for _, _, part, match in candidates[:_CANDIDATES]:
            ratio = SequenceMatcher(None, text, match[0].strip()[:1000], autojunk=False).ratio()
            if ratio >= _NEAREST and (best is None or ratio > best[0]):
                start = match.start() + len(match[0]) - len(match[0].lstrip())
                starts = self._seen(part).starts
                line = self.line_of(starts[min(start, len(starts) - 1)])
                best = ratio, line, match[0].strip()
        return best[1:] if best else None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}…"
