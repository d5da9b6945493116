"""The checksums in evidence, by which it is seen that a part of it was changed by hand, and which one.

From format 3 on, each run, each answer and each block has its own, so that evidence can be merged by git, and a place
can be told. They are no signatures: whoever changes a part can compute its checksum too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_doc.model.values import Json
from gpu_doc.record.fingerprint import short_hash

if TYPE_CHECKING:
    from gpu_doc.record.evidence import Evidence

KEY = "checksum"
_APART = frozenset({"runs", "answers", "files"})
"""The parts whose entries have checksums of their own; those of files are in the answers that show them."""


def add(whole: dict[str, Json]) -> None:
    """Add the checksums to evidence that is to be written."""
    for part, name, entry, computed in _entries(whole):
        del part, name
        entry[KEY] = computed
    if isinstance(whole["text"], list):
        whole["text"] = [[*block, short_hash(block)] for block in whole["text"]]
    whole[KEY] = _of_the_rest(whole)


def consistent(known: Evidence, whole: Mapping[str, Json]) -> Evidence:
    """Return evidence without the parts that don't fit their checksums; `whole` is the JSON that it was read from.

    Raises KeyError or TypeError if something has a wrong shape.
    """
    if not (found := tuple(wrong(whole))):
        return known
    text = known.text
    if isinstance(text, str):
        text = "" if ("", "") in found else text
    else:
        text = tuple((each, "" if ("text", str(n)) in found else digest) for n, (each, digest) in enumerate(text))
    return replace(
        known,
        runs={name: run for name, run in known.runs.items() if ("runs", name) not in found},
        answers={name: answer for name, answer in known.answers.items() if ("answers", name) not in found},
        text=text,
        contradictions=found,
    )


def wrong(whole: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield the parts whose checksum is another one: the key of the part, and the name of the run or answer in it.

    Blocks have their index as name; of all else the key is empty. Raises KeyError or TypeError if something has a wrong
    shape. What has no checksum is not judged.
    """
    for part, name, entry, computed in _entries(whole):
        if entry.get(KEY, computed) != computed:
            yield part, name
    if isinstance(whole["text"], list):
        for index, (expression, digest, *said) in enumerate(whole["text"]):
            if said and said != [short_hash([expression, digest])]:
                yield "text", str(index)
    if KEY in whole and whole[KEY] != _of_the_rest(whole):
        yield "", ""


def reasons(known: Evidence) -> list[str]:
    """Return why a report with evidence that contradicts itself is not fresh."""
    parts = [told(*part) for part in known.contradictions]
    return [f"what evidence says of {part} does not fit its checksum" for part in parts]


def told(part: str, name: str) -> str:
    """Return a part that `wrong` finds, in words."""
    if part == "runs":
        return f"run {name}"
    if part == "answers":
        from gpu_doc.model.answers import Call  # only what was changed needs it

        return str(Call.from_key(name))
    return f"block {int(name) + 1} of the text" if part == "text" else "the text and what it is made from"


def _entries(whole: Mapping[str, Json]) -> Iterator[tuple[str, str, dict[str, Json], str]]:
    """Yield part, name, the entry and the checksum that it should have."""
    for address, run in whole["runs"].items():
        yield "runs", address, run, short_hash([address, _without(run)])
    for key, answer in whole["answers"].items():
        shown = {name: whole["files"].get(name) for name in answer["assets"]}
        yield "answers", key, answer, short_hash([key, _without(answer), shown])


def _of_the_rest(whole: Mapping[str, Json]) -> str:
    apart = _APART | ({"text"} if isinstance(whole["text"], list) else set())
    return short_hash({key: value for key, value in _without(whole).items() if key not in apart})


def _without(entry: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in entry.items() if key != KEY}
