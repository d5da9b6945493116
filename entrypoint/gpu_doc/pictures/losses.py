"""Errors that say why a picture is not taken: it would be cut, lack something, be empty, or can't be drawn."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_doc.errors import CaptureError, IncompleteError
from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures.layout import Loss
from gpu_doc.pictures.remedies import of_address

_LONGEST = 100
"""Characters of an address that a message shows."""
_REMEDIES = {
    "box": "Let the cell show it without a height, width or overflow of its own, or show a part of it. "
    "text() and table() give text and tables whole.",
    "before": "Let the cell show it without overflow, or without the negative margin, text-indent, position or "
    "transform that moves it out of its box.",
    "clip": "Let the cell show it without clip-path, clip or mask.",
    "outside": "Let the cell show it without negative margins, and without a position or transform that moves it away.",
    "wide": "Show fewer columns, or wrap long lines. table() writes a data frame as Markdown; image() keeps an image "
    "as it is.",
    "high": "Print or draw less, or picture one output of the cell with output=N. text() gives text, and a part of it "
    "with lines=.",
    "image": "Pictures reach neither files nor the network: embed it. IPython's Image(filename=...) does, and "
    "Image(url=..., embed=True); in HTML and Markdown, write the image as a data: address.",
    "media": 'Embed it: Audio(filename="sound.wav"), Video("film.mp4", embed=True); a film\'s first frame is shown. '
    "Or let the cell show an image of it.",
    "frame": "Let the cell show what is in the frame by itself, such as HTML(filename=...) of a file, or an image of "
    "it, Image(filename=...); or link to it in the report's text.",
    "label": "Write all of it between dollars, with what MathJax 3 knows, or in Unicode, such as "
    "\N{GREEK SMALL LETTER ALPHA}; a dollar that begins no formula is written &#36; beside formulas. Or let the cell "
    'show an image of it: figure.write_image("figure.png") (it takes the package kaleido), Image(filename=...).',
    "script": "Give the figure a static image, as figure.savefig() of Matplotlib and Image(filename=...) do, or "
    "picture another output of the cell with output=N.",
}
_TERMINAL = "Print less, or show a part of it: terminal() takes lines= and match=."


class BlankError(CaptureError):
    """There is nothing on a picture."""


class LacksScriptsError(IncompleteError):
    """A picture would lack what a script draws, that was not let run."""


def incomplete(exhibit: Exhibit, losses: Sequence[Loss]) -> IncompleteError:
    """Return an error that says what the picture would not show: at least one loss."""
    first, *others = (_sentence(exhibit, loss) for loss in losses)
    kind = LacksScriptsError if any(loss.kind == "script" for loss in losses) else IncompleteError
    return kind(
        first,
        where=exhibit.where,
        remedy=_TERMINAL if exhibit.kind == "terminal" else _REMEDIES[losses[0].kind],
        details="\n".join(dict.fromkeys(other for other in others if other != first)),
    )


def too_large(exhibit: Exhibit, size: int) -> IncompleteError:
    """Return an error: `size` characters are more than a page can hold."""
    return IncompleteError(
        f"The output of {exhibit.name} can't be pictured: it holds {size / 1e6:.0f} MB.",
        where=exhibit.where,
        remedy=_TERMINAL if exhibit.kind == "terminal" else _REMEDIES["high"],
    )


def failed(exhibit: Exhibit, reason: str) -> CaptureError:
    """Return an error: the browser could not draw the exhibit."""
    return CaptureError(
        f"The output of {exhibit.name} can't be pictured: {reason}.",
        where=exhibit.where,
        remedy=_TERMINAL if exhibit.kind == "terminal" else _REMEDIES["high"],
    )


def script_failed(exhibit: Exhibit, reason: str) -> CaptureError:
    """Say why what an output's scripts draw is no picture."""
    return CaptureError(
        f"The output of {exhibit.name}, which its scripts draw, can't be pictured: {reason}.",
        where=exhibit.where,
        remedy=_REMEDIES["script"],
    )


def not_loaded(exhibit: Exhibit, address: str) -> IncompleteError:
    """Say that an output's scripts need something from the network."""
    address = address if len(address) <= _LONGEST else f"{address[:_LONGEST]}…"
    return IncompleteError(
        f"The picture of {exhibit.name} would lack what its scripts load: {address}",
        where=exhibit.where,
        remedy=of_address(address),
    )


def blank(exhibit: Exhibit) -> BlankError:
    """Return an error: there is nothing on the picture."""
    return BlankError(
        f"The picture of {exhibit.name} came out blank.",
        where=exhibit.where,
        remedy="See what the cell shows in Jupyter. A script of Javascript() has to put something into `element`, "
        'such as element.append("text"); a figure needs a static image beside it.',
    )


def empty(exhibit: Exhibit) -> CaptureError:
    """Return an error: the exhibit has nothing that a picture could show."""
    what = "terminal" if exhibit.kind == "terminal" else "cell"
    return CaptureError(
        f"The {what} of {exhibit.name} has no output: there is nothing to picture.",
        where=exhibit.where,
        remedy="Address a cell that prints or draws something.",
    )


def _sentence(exhibit: Exhibit, loss: Loss) -> str:
    if loss.kind in ("box", "before", "clip", "outside", "wide", "high"):
        return f"The picture of {exhibit.name} would be cut: {_cut(loss)}."
    if loss.kind == "label":
        return f"The picture of {exhibit.name} would not show the label “{loss.text}”: {loss.address}."
    address = loss.address if len(loss.address) <= _LONGEST else f"{loss.address[:_LONGEST]}…"
    if loss.kind == "image":
        what = f"it did not load: {address}" if address else "it is damaged"
        return f"The picture of {exhibit.name} would lack an image: {what}"
    what = _element(loss.tag or "iframe")
    if loss.kind == "script":
        return f"The picture of {exhibit.name} would lack what a script draws: {what}. Scripts don't run in pictures."
    return f"The picture of {exhibit.name} would lack {what}, which is not loaded" + f": {address}" * bool(address)


def _element(tag: str) -> str:
    return f"{'an' if tag[:1] in 'aeio' else 'a'} <{tag}>"


def _cut(loss: Loss) -> str:
    if loss.kind == "outside":
        return "something lies left of the page, or above it"
    begins = f" that begins with “{loss.text}”" if loss.text else ""
    if loss.kind == "before":
        return f"{_element(loss.tag)}{begins} hides what lies left of it, or above it"
    if loss.kind == "clip":
        return f"{_element(loss.tag)}{begins} is clipped by its style"
    if loss.kind == "box":
        measure = "high" if loss.side == "height" else "wide"
        return f"{_element(loss.tag)}{begins} is {loss.limit:,} CSS pixels {measure}, and {loss.size:,} are in it"
    measure = "wide" if loss.kind == "wide" else "high"
    return f"it is {loss.size:,} CSS pixels {measure}, and a picture can have {loss.limit:,}"
