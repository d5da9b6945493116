"""Replaces the known values of secrets in text, bytes, JSON, notebooks' outputs and streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from gpu_doc.model.location import Location, Problem

if TYPE_CHECKING:
    from gpu_doc.errors import GpuDocError
    from gpu_doc.model.values import Json
    from gpu_doc.redaction.forms import Form

MARK = "***"
"""Replaces a secret."""

_LONG_LINE = 16
"""From this length on, each line of a multi-line secret is a secret itself."""

SHORTEST = 8
"""The least characters of a secret: a shorter one would redact ordinary text."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

_BLOCK = 1 << 16
"""Bytes that a stream collects before it searches them."""


class Redactor:
    """Replaces known values in text, bytes and JSON. True if it knows any; safe for several threads."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = tuple(dict.fromkeys(values))
        self._forms: list[Form] = []
        self._shortest = 0
        if self.values:
            self._learn_forms()
        self.reach = 4096 + 16 * max((len(value.encode("utf-8", "replace")) for value in self.values), default=0)
        """The most bytes that a value takes in any form, except with endless colours and tags."""

    def _learn_forms(self) -> None:
        from gpu_doc.redaction.forms import forms  # most calls have nothing to hide

        lines = [line.strip() for value in self.values for line in value.splitlines() if "\n" in value.strip()]
        # The first and last line of a key are the same in all keys.
        parts = [line for line in lines if len(line) >= _LONG_LINE and not line.startswith("-----")]
        self._forms = [form for value in self.values for form in forms(value)]
        self._forms += [next(forms(line)) for line in dict.fromkeys(parts)]
        self._shortest = min(len(value) for value in (*self.values, *parts))

    def __bool__(self) -> bool:
        return bool(self.values)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if len(text) < self._shortest or not self.values:
            return text
        data = text.encode("utf-8", "surrogatepass")
        found = self.raw(data)
        return text if found is data else found.decode("utf-8", "surrogatepass")

    def raw(self, data: bytes) -> bytes:
        """Return UTF-8 text without secrets."""
        spans = self.spans(data)
        if not spans:
            return data
        kept = [data[end:begin] for (_, end), (begin, _) in pairwise([(0, 0), *spans, (len(data), 0)])]
        return MARK.encode().join(kept)

    def parts(self, parts: Sequence[str]) -> list[str]:
        """Return consecutive texts without secrets; a secret across a boundary is removed on both sides."""
        data = [part.encode("utf-8", "surrogatepass") for part in parts]
        spans, at, found = self.spans(b"".join(data)), 0, []
        for piece in data if spans else []:
            inner = [(max(b, at) - at, min(e, at + len(piece)) - at, b >= at) for b, e in spans]
            whole = _without(piece, [span for span in inner if span[0] < span[1]])
            found.append(whole.decode("utf-8", "surrogatepass"))
            at += len(piece)
        return found or list(parts)

    def json(self, value: Json) -> Json:
        """Return a JSON value without secrets, also in keys."""
        if not self.values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.json(key): self.json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return MARK if isinstance(value, int | float) and self._is_number(value) else value

    def _is_number(self, number: float) -> bool:
        """Whether a number is one of the values, or contains its digits."""
        if not self._numbers or isinstance(number, bool):
            return False
        shown = repr(number) if isinstance(number, int) or not number.is_integer() else f"{number!r} {number:.0f}"
        return number in self._numbers.values() or any(digits in shown for digits in self._numbers)

    def output(self, output: Mapping[str, Json]) -> dict[str, Json]:
        """Return a notebook's output without secrets. A picture that contains one, as in its metadata, is left out."""
        if not self.values:
            return dict(output)
        found = {key: item if key == "data" else self.json(item) for key, item in output.items()}
        if isinstance(output.get("data"), Mapping):
            data = {mime: self.json(content) for mime, content in output["data"].items()}
            spoilt = [mime for mime in data if _is_binary(mime) and data[mime] != output["data"][mime]]
            words = {"text/plain": f"{MARK} ({', '.join(spoilt)} left out: it holds a secret)"} if spoilt else {}
            found["data"] = {**words, **{mime: content for mime, content in data.items() if mime not in spoilt}}
        return found

    def error(self, error: GpuDocError) -> None:
        """Remove secrets from an error's texts."""
        for name, value in vars(error).items():
            setattr(error, name, self._of_error(value))
        error.args = tuple(self.json(list(error.args)))

    def _of_error(self, said: object) -> object:
        if isinstance(said, str):
            return self.text(said)
        if isinstance(said, Location):
            return self._location(said)
        if isinstance(said, Problem):
            return Problem(self._location(said.location), self.text(said.message))
        return tuple(map(self._of_error, said)) if isinstance(said, tuple) else said

    def _location(self, location: Location) -> Location:
        return replace(location, file=self.text(location.file), cell_name=self.text(location.cell_name))

    def stream(self, write: Callable[[bytes], object]) -> Stream:
        """Return a writer that passes text on to `write`, without secrets."""
        return Stream(self, write)

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """The spans of secrets: (begin, end), in order, not overlapping."""
        if len(data) < self._shortest or not self.values:
            return []
        merged: list[tuple[int, int]] = []
        for begin, end in sorted({*self._found(data), *self._found_decoded(data)}):
            if merged and begin < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def _found(self, data: bytes) -> Iterator[tuple[int, int]]:
        from gpu_doc.redaction.forms import Haystacks

        haystacks = Haystacks(data)
        return (span for form in self._forms if haystacks.may_hold(form) for span in _matches(form.pattern, data))

    def _found_decoded(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield the secrets found after resolving escapes, as spans of the original text."""
        from gpu_doc.redaction.decoding import decodings

        for steps in decodings(data):
            for begin, end in self._found(steps[-1].data):
                for step in reversed(steps):
                    begin, end = step.back(begin, end)  # noqa: PLW2901 - the same place, one step earlier
                yield begin, end

    def is_in_binary(self, data: bytes) -> bool:
        """Whether binary data contain a secret: as UTF-8, UTF-16 or UTF-32 (as in NumPy), or in base64."""
        return any(needle in data for needle in self._needles)

    @cached_property
    def _numbers(self) -> Mapping[str, float]:
        """The values that may appear as a number, without sign and leading zeros."""
        digits = (value.strip().lstrip("+-0") for value in self.values if _NUMBER.fullmatch(value.strip()))
        return {each: float(each) for each in digits if len(each) >= SHORTEST}  # digits that no float has are text

    @cached_property
    def _needles(self) -> tuple[bytes, ...]:
        from gpu_doc.redaction.forms import base64_digits

        plain = (value.encode(code, "replace") for value in self.values for code in ("utf-8", "utf-16-le", "utf-32-le"))
        coded = (
            base64_digits(value.encode("utf-8", "replace"), before) for value in self.values for before in range(3)
        )
        return tuple(dict.fromkeys([*plain, *coded]))


def _matches(pattern: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    """All matches, also those that overlap."""
    match = pattern.search(data)
    while match:
        yield match.span()
        match = pattern.search(data, match.start() + 1)


def _without(piece: bytes, spans: Sequence[tuple[int, int, bool]]) -> bytes:
    """Return a part of a text without spans; each is replaced by the mark."""
    found, at = b"", 0
    for begin, end, begins in spans:
        found += piece[at:begin] + MARK.encode() * begins
        at = end
    return found + piece[at:]


def _is_binary(mime: str) -> bool:
    """Whether an output of this MIME type is binary data in base64."""
    kind = mime.partition("/")[0]
    return (kind in ("image", "audio", "video") and not mime.endswith("+xml")) or mime == "application/pdf"


class Stream:
    """Text in chunks. A secret may be split between chunks, so some text is held back until more comes."""

    def __init__(self, redactor: Redactor, write: Callable[[bytes], object]) -> None:
        self._redactor = redactor
        self._write = write
        self._held = b""

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def write(self, chunk: bytes) -> None:
        """Take a chunk."""
        if not self._redactor:
            self._write(chunk)
            return
        self._held += chunk
        if len(self._held) >= _BLOCK + self._redactor.reach:
            self._pass_on(len(self._held) - self._redactor.reach)

    def flush(self) -> None:
        """Pass on all that is held back: at the end, and if more may not come soon."""
        if self._held:
            self._pass_on(len(self._held))

    def _pass_on(self, until: int) -> None:
        # A secret that begins before this position is complete, since enough text follows.
        until = next((end for begin, end in self._redactor.spans(self._held) if begin < until < end), until)
        done, self._held = self._held[:until], self._held[until:]
        self._write(self._redactor.raw(done))
