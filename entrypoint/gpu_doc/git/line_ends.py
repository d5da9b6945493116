"""Text files that have other line ends in a checkout than in git, because of `core.autocrlf` or `.gitattributes`.

The rule: if git would turn CRLF into LF when a file is added (https://git-scm.com/docs/gitattributes, "End-of-line
conversion"), compare the file with the line ends that git would store. Otherwise, and without git, compare its bytes.
Other conversions (`working-tree-encoding`, `ident`, filters) give the same bytes in each checkout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu_doc.git import checkout
from gpu_doc.git.asking import ask

Rule = Literal["never", "text", "always"]
"""When git turns CRLF into LF: never, if the content looks like text, or always."""

_CONTROLS = bytes(code for code in range(32) if code not in b"\b\t\x1b\x0c\r\n") + b"\x7f"
_TRUE = frozenset({"true", "yes", "on", "1", "input"})


@dataclass(frozen=True)
class _Tracked:
    """What git says about a file."""

    index: str
    """The line ends in the index: `lf`, `crlf`, `mixed`, `none`, `-text`; empty if untracked."""
    attributes: str
    """The attributes as `git ls-files --eol` prints them: `text`, `text=auto eol=crlf`, `-text`, or nothing."""


class LineEnds:
    """Knows what git would store. It asks git once for all files of a folder, and only if one of them has CRLF."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, _Tracked]] = {}
        self._settings: dict[Path, str] = {}

    def stored(self, path: Path, content: bytes) -> bytes:
        """Return the content as git would store it: with LF for each CRLF, or unchanged."""
        if b"\r\n" not in content:
            return content
        rule = self.rule(path)
        folds = rule == "always" or (rule == "text" and not is_binary(content))
        return content.replace(b"\r\n", b"\n") if folds else content

    def as_there(self, path: Path, content: bytes, there: bytes | None) -> bytes:
        """Return the content with the line ends of the file in the checkout, if git stores both the same."""
        if there is None or (b"\r\n" in content) == (b"\r\n" in there):
            return content
        folded = content.replace(b"\r\n", b"\n")
        with_crlf = folded.replace(b"\n", b"\r\n")
        if self.stored(path, with_crlf) != folded:
            return content
        return with_crlf if b"\r\n" in there else folded

    def rule(self, path: Path) -> Rule:
        """When git turns CRLF into LF in a file; the file need not exist yet."""
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
        # With text=auto, git leaves a file alone that was committed with CRLF.
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
        """What git would do with an untracked file."""
        answer = ask(path.parent, "check-attr", "-z", "text", "eol", "crlf", "--", path.name)
        if answer is None:
            return _Tracked("", "-text")
        text, eol, legacy = answer.split("\0")[2::3]
        text = legacy if text == "unspecified" else text  # the attribute's name before git 1.7.2
        if text in ("set", "input") or (text == "unspecified" and eol in ("lf", "crlf")):
            return _Tracked("", "text")
        return _Tracked("", {"unset": "-text", "auto": "text=auto"}.get(text, ""))

    def _setting(self, folder: Path) -> str:
        if folder not in self._settings:
            self._settings[folder] = (ask(folder, "config", "--get", "core.autocrlf") or "").lower()
        return self._settings[folder]


def is_binary(content: bytes) -> bool:
    """Whether git, with text=auto, treats a content as binary.

    The same rule as `convert_is_binary` in git's convert.c: a NUL, a CR without LF, or one control character in 128.
    """
    ends = content.count(b"\r\n")
    if b"\0" in content or content.count(b"\r") > ends:
        return True
    printable = len(content.translate(None, _CONTROLS + b"\r\n"))
    controls = len(content) - len(content.translate(None, _CONTROLS)) - content.endswith(b"\x1a")
    return printable >> 7 < controls
