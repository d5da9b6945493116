"""Turns text that overwrites itself (progress bars, spinners) into the text that a person saw at the end.

nbconvert knows the ANSI escape sequences for colour, but neither carriage returns nor those that move the cursor.
The sequences are ECMA-48's. Those for colour (SGR) stay in the text; all others are applied or dropped.
"""

from __future__ import annotations

import re

from gpu_doc.text.bars import end_of_bar

_CSI = r"\x1b\[([0-9;:<=>?]*)[ -/]*([@-~])"
_OTHER_ESCAPES = r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b[ -/]*[0-~]"
_TOKENS = re.compile(rf"{_CSI}|{_OTHER_ESCAPES}|[\x00-\x08\x0b-\x1f\x7f]|\n|[^\x00-\x08\x0a-\x1f\x7f]+")
_MOVES = re.compile(rf"[\r\b\x00-\x06\x0b-\x1a\x1c-\x1f\x7f]|\x1b\[[0-9;:<=>?]*[ -/]*[@-ln-~]|{_OTHER_ESCAPES}")
_GROUPS = {22: {1, 2}, 23: {3}, 24: {4, 21}, 25: {5, 6}, 27: {7}, 28: {8}, 29: {9}, 39: {38}, 49: {48}}

_Style = str
_Cell = tuple[str, _Style]


def fold(text: str) -> str:
    """Return the text as the screen shows it after the last character; colours stay."""
    text = text.replace("\r\n", "\n")
    if not _MOVES.search(text):
        return text
    screen = _Screen()
    for token in _TOKENS.finditer(text):
        screen.take(token)
    return screen.text()


class _Screen:
    """Lines of any length, and a cursor. Each cell holds a character and the colour sequences that apply to it."""

    def __init__(self) -> None:
        self._lines: list[list[_Cell]] = [[]]
        self._row = 0
        self._column = 0
        self._style: dict[int, str] = {}
        self._sequence: _Style = ""

    def take(self, token: re.Match[str]) -> None:
        parameters, final = token[1], token[2]
        if final == "m":
            self._colour(parameters)
        elif final:
            self._move(final, parameters)
        elif token[0] == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self._lines):
                self._lines.append([])
        elif token[0] == "\r":
            self._column = 0
        elif token[0] == "\b":
            self._column = max(0, self._column - 1)
        elif token[0][0] >= " " or token[0][0] == "\t":
            self._write(token[0])

    def _write(self, chunk: str) -> None:
        line = self._lines[self._row]
        if self._column > len(line):
            line.extend([(" ", "")] * (self._column - len(line)))
        line[self._column : self._column + len(chunk)] = [(character, self._sequence) for character in chunk]
        self._column += len(chunk)

    def _move(self, final: str, parameters: str) -> None:
        first = parameters.partition(";")[0]
        count = int(first) if first.isdigit() else 0
        steps = min(max(1, count), 10_000)
        if final == "A":
            self._row = max(0, self._row - steps)
        elif final == "B":
            self._row = min(len(self._lines) - 1, self._row + steps)
        elif final == "C":
            self._column += steps
        elif final == "D":
            self._column = max(0, self._column - steps)
        elif final == "G":
            self._column = steps - 1
        elif final in "EF":
            self._row = min(len(self._lines) - 1, max(0, self._row + (steps if final == "E" else -steps)))
            self._column = 0
        elif final == "K":
            self._erase_in_line(count)
        elif final == "J" and count in {0, 2, 3}:
            self._erase_below(everything=count > 0)

    def _erase_in_line(self, how: int) -> None:
        line = self._lines[self._row]
        if how in {1, 2}:
            line[: self._column + 1] = [(" ", "")] * min(len(line), self._column + 1)
        if how in {0, 2}:
            del line[self._column :]

    def _erase_below(self, *, everything: bool) -> None:
        if everything:
            self._row = self._column = 0
        del self._lines[self._row + 1 :]
        self._erase_in_line(0)

    def _colour(self, parameters: str) -> None:
        """Keep the colours that apply after this sequence, each kind once, to repeat them before any character."""
        numbers = [int(n) if n.isdigit() else 0 for n in re.split("[;:]", parameters)]
        while numbers:
            code = numbers.pop(0)
            if code == 0:
                self._style.clear()
            elif code in {38, 48}:
                rest = 4 if numbers[:1] == [2] else 2
                self._style[code] = ";".join(str(n) for n in (code, *numbers[:rest]))
                del numbers[:rest]
            elif code in _GROUPS:
                self._style = {kind: colour for kind, colour in self._style.items() if kind not in _GROUPS[code]}
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self._style[38] = str(code)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self._style[48] = str(code)
            else:
                self._style[code] = str(code)
        self._sequence = f"\x1b[{';'.join(self._style.values())}m" if self._style else ""

    def text(self) -> str:
        return "\n".join(_written(line) for line in self._lines)


def _written(line: list[_Cell]) -> str:
    parts, current = [], ""
    end = end_of_bar("".join(character for character, _ in line))
    for character, style in line[:end]:
        if style != current:
            parts.append(f"\x1b[0m{style}" if current else style)
            current = style
        parts.append(character)
    return "".join(parts) + ("\x1b[0m" if current else "")
