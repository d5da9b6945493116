"""Text files whose lines end otherwise in a checkout than in git, as `core.autocrlf` and `.gitattributes` have it.

The rule: a text file counts by what git would store of it, as far as line ends go. That is so where git makes LF of
CRLF when a file is added (https://git-scm.com/docs/gitattributes, "End-of-line conversion"); everywhere else, and
without git, bytes count. Other conversions (`working-tree-encoding`, `ident`, filters) give the same bytes in each
checkout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_doc.git import checkout
from gpu_doc.git.asking import ask

Rule = Literal["never", "text", "always"]
"""Whether git makes LF of CRLF: never, where the content looks like text, or always."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\b\t\x1b\x0c\r\n") + b"\x7f"
_TRUE = frozenset({"true", "yes", "on", "1", "input"})


@dataclass(frozen=True)
class _Tracked:
    """What git says of a file."""

    index: str
    """How the lines end of what is committed or staged: `lf`, `crlf`, `mixed`, `none`, `-text`; empty if untracked."""
    attributes: str
    """As `git ls-files --eol` has them: `text`, `text=auto eol=crlf`, `-text`, or nothing."""


class LineEnds:
    """Tells what git would store. Git is asked once for all files of a folder, and only if one of them has CRLF."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, _Tracked]] = {}
        self._settings: dict[Path, str] = {}

    def stored(self, path: Path, content: bytes) -> bytes:
        """What git would store of a file with this content: with LF for each CRLF, or as it is."""
        if b"\r\n" not in content:
            return content
        rule = self.rule(path)
        folds = rule == "always" or (rule == "text" and not is_binary(content))
        return content.replace(b"\r\n", b"\n") if folds else content

    def as_there(self, path: Path, content: bytes, there: bytes | None) -> bytes:
        """The content with the line ends that the file has in the checkout, where git stores both the same."""
        if there is None or (b"\r\n" in content) == (b"\r\n" in there):
            return content
        folded = content.replace(b"\r\n", b"\n")
        with_crlf = folded.replace(b"\n", b"\r\n")
        if self.stored(path, with_crlf) != folded:
            return content
        return with_crlf if b"\r\n" in there else folded

    def rule(self, path: Path) -> Rule:
        """Whether git makes LF of CRLF in a file, which need not be there yet."""
        try:
            path = path.resolve()
        except (OSError, RuntimeError):
            return "never"
        if checkout.work_tree(path.parent) is None:
            return "never"
        known = self._folder(path.parent).get(path.name) or self._untracked(path)
        words = known.attributes.split()
        if "-text" in words:
            return "never"
        if "text" in words:
            return "always"
        if "text=auto" not in words and self._setting(path.parent) not in _TRUE:
            return "never"
        # Where git judges by itself, it leaves alone what was committed with CRLF.
        return "never" if known.index in ("crlf", "mixed") else "text"

    def _folder(self, folder: Path) -> dict[str, _Tracked]:
        if folder not in self._folders:
            listed = ask(folder, "ls-files", "--eol", "-z", "--", ":(glob)*") or ""
            found = {}
            for entry in filter(None, listed.split("\0")):
                about, _, name = entry.partition("\t")
                index, _, attributes = about.split(maxsplit=2)
                found[name] = _Tracked(index.removeprefix("i/"), attributes.removeprefix("attr/").strip())
            self._folders[folder] = found
        return self._folders[folder]

    def _untracked(self, path: Path) -> _Tracked:
        """What git would do with a file that it doesn't know yet."""
        said = ask(path.parent, "check-attr", "-z", "text", "eol", "crlf", "--", path.name)
        if said is None:
            return _Tracked("", "-text")
        text, eol, legacy = said.split("\0")[2::3]
        text = legacy if text == "unspecified" else text  # the attribute's name before git 1.7.2
        if text in ("set", "input") or (text == "unspecified" and eol in ("lf", "crlf")):
            return _Tracked("", "text")
        return _Tracked("", {"unset": "-text", "auto": "text=auto"}.get(text, ""))

    def _setting(self, folder: Path) -> str:
        if folder not in self._settings:
            self._settings[folder] = (ask(folder, "config", "--get", "core.autocrlf") or "").lower()
        return self._settings[folder]


def is_binary(content: bytes) -> bool:
    """Whether git takes a content for no text where it judges by itself.

    As `convert_is_binary` in git's convert.c has it: a NUL, a CR without LF, or one control character in 128.
    """
    ends = content.count(b"\r\n")
    if b"\0" in content or content.count(b"\r") > ends:
        return True
    printable = len(content.translate(None, _CONTROLS + b"\r\n"))
    controls = len(content) - len(content.translate(None, _CONTROLS)) - content.endswith(b"\x1a")
    return printable >> 7 < controls
