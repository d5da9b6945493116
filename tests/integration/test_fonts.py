"""The same characters give the same pixels, whatever fonts the machine has; what no font has is refused."""

from __future__ import annotations

import io
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from gpu_doc.errors import IncompleteError
from gpu_doc.model.pictures import Exhibit, Photograph, Span
from gpu_doc.pictures import fonts
from gpu_doc.pictures.capture import Camera
from gpu_doc.resources import font_folder

from .pictures import display, exhibit, html, new_camera, stream, taken

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def room() -> Iterator[Camera]:
    with new_camera() as opened:
        yield opened


KINDS = [
    exhibit(stream("text: │中文│한국어│✅│ ไทย हिन्दी ⠋")),
    html(
        "<p style='font-family: Courier New, monospace'>mono</p><p style='font-family: sans-serif'>sans ไทย हिन्दी</p>"
    ),
    html("<svg width='300' height='30'><text x='2' y='20' font-family='Times, serif'>drawn ไทย 中文 ✅</text></svg>"),
]


def other_machine(folder: Path) -> dict[str, str]:
    """An environment whose generic families are another font, and which has more fonts."""
    (folder / ".config/fontconfig").mkdir(parents=True)
    (folder / ".fonts").mkdir()
    shutil.copy(font_folder() / "DejaVuSerif.ttf", folder / ".fonts")
    aliases = "".join(
        f"<match><test name='family'><string>{family}</string></test>"
        "<edit name='family' mode='assign' binding='same'><string>DejaVu Serif</string></edit></match>"
        for family in ("sans-serif", "serif", "monospace", "DejaVu Sans Mono", "DejaVu Sans")
    )
    file = folder / ".config/fontconfig/fonts.conf"
    file.write_text(f"<fontconfig><dir>{folder}/.fonts</dir>{aliases}</fontconfig>")
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config"), "FONTCONFIG_FILE": str(file)}


def test_the_fonts_of_the_machine_change_no_pixel(tmp_path: Path) -> None:
    with new_camera() as here, new_camera(environ={**os.environ, **other_machine(tmp_path)}) as there:
        assert taken(here, *KINDS) == taken(there, *KINDS)


HIEROGLYPH = "𓀀"  # which no font of ours has
LACKING = {
    "text": exhibit(stream(f"a {HIEROGLYPH}")),
    "source": exhibit(stream("a"), kind="cell", source=f"print('{HIEROGLYPH}')"),
    "HTML": html(f"<p>a <b>{HIEROGLYPH}</b></p>"),
    "entity": html("<p>a &#x13000;</p>"),
    "before an element": html("<style>p::before { content: '\\13000' }</style><p>a</p>"),
    "field": html(f"<input value='{HIEROGLYPH}'>"),
    "shadow tree": html(f"<div><template shadowrootmode=open><p>{HIEROGLYPH}</p></template></div>"),
    "drawing": html(f"<svg width=90 height=30><text x=2 y=20>a{HIEROGLYPH}</text></svg>"),
    "drawing as an image": exhibit(
        display("image/svg+xml", f"<svg xmlns='http://www.w3.org/2000/svg'><text y='20'>a{HIEROGLYPH}</text></svg>")
    ),
    "drawing in an address": html(
        "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'>"
        f"<text y='20'>a{HIEROGLYPH}</text></svg>\">"
    ),
    "formula": exhibit(display("text/latex", f"$\\text{{{HIEROGLYPH}}}$")),
    "Markdown": exhibit(display("text/markdown", f"a {HIEROGLYPH}")),
    "JSON": exhibit(display("application/json", {"a": HIEROGLYPH})),
    "script": html(f"<div id=x></div><script>x.textContent = '{HIEROGLYPH}'</script>"),
    "canvas": html(
        "<canvas id=x></canvas><script>let c = x.getContext('2d'); c.fillRect(9, 9, 9, 9);"
        f"c.fillText('{HIEROGLYPH}', 9, 9)</script>"
    ),
    "terminal": exhibit(kind="terminal", lines=((Span(text=f"a {HIEROGLYPH}"),),)),
}


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING)
def test_a_character_without_a_font_is_refused_by_name(room: Camera, lacking: Exhibit) -> None:
    (shot,) = room.photograph([replace(lacking, name="a/cell")])
    assert isinstance(shot, IncompleteError)
    assert shot.what == (
        "The picture of a/cell would show empty boxes: no font has “𓀀” (U+13000 EGYPTIAN HIEROGLYPH A001)."
    )
    assert "GPU_DOC_FONTS=" in shot.remedy


def test_it_costs_its_own_picture_only(room: Camera) -> None:
    good, bad = exhibit(stream("fine")), LACKING["text"]
    shots = room.photograph([good, bad, html("<p>fine</p>")])
    assert [isinstance(shot, Photograph) for shot in shots] == [True, False, True]


SHOWN = (
    "Latin ﬁ ẞ Ω я ™ € ≤ ∮ → ⇒ ✓ ✗ ★ ☎ ⌘ █ ▁▂▃ ┌─┐ ╭╮ ⠋⣿ ♞ \U0001d465\U0001d538 ⏱ ❤ ⚠️ ✅ 🟢 👩‍💻 👍🏽 🇩🇪 1️⃣ "
    "\U0001d4a9(\U0001d741, \U0001d70e²) \U0001d53c[\U0001d44b] \U0001d4db ∇\U0001d6fc \U0001d66d \U0001d7d9 ⎵ ⏟ "
    "ไทย สวัสดี हिन्दी क्षत्रिय বাংলা தமிழ் العربية עברית አማርኛ ქართული Հայ "
    "中文 日本語 ひらがな ｶﾅ 한국어 、。「」"
)


@pytest.mark.parametrize("write", [lambda text: exhibit(stream(text)), lambda text: html(f"<p>{text}</p>")])
def test_what_the_fonts_have_is_pictured(room: Camera, write: Callable[[str], Exhibit]) -> None:
    taken(room, write(SHOWN))


def test_a_mark_that_joins_no_letter_of_its_font_is_refused(room: Camera) -> None:
    """Chromium looks for the letter's font, and draws a box beside it."""
    (shot,) = room.photograph([exhibit(stream("a\u20d2"))])
    assert isinstance(shot, IncompleteError)
    assert "U+20D2" in shot.what


def test_what_shows_nothing_needs_no_font(room: Camera) -> None:
    taken(room, exhibit(stream("a\u200b\u200d\ufeff\u00ad\u2028\u3000\ufe0f\U000e0100b")))


def test_characters_for_private_use_need_a_font_where_no_output_can_bring_one(room: Camera) -> None:
    shots = room.photograph(
        [
            exhibit(stream("\ue0a0 main\n")),
            exhibit(kind="terminal", lines=((Span(text="\U000f1234 done"),),)),
            html("<p>\ue0a0 main</p>"),
        ]
    )
    assert [isinstance(shot, IncompleteError) for shot in shots] == [True, True, False]
    assert "(U+E0A0)" in getattr(shots[0], "what", "")


def test_without_the_extra_chinese_is_refused_with_its_name(room: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "find_spec", lambda name: None if name.endswith("cjk") else find_spec(name))
    for text in ("中", "あ", "한", "。"):
        (shot,) = room.photograph([exhibit(stream(text))])
        assert isinstance(shot, IncompleteError)
        assert f"“{text}” (U+{ord(text):04X} {unicodedata.name(text)})" in shot.what
        assert shot.remedy.endswith("pip install 'gpu-doc[cjk]'")


def test_fonts_that_a_user_names_are_used(tmp_path: Path) -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    for at in ((0, 0), (0, 900), (900, 900), (900, 0)):
        (pen.lineTo if at != (0, 0) else pen.moveTo)(at)
    pen.closePath()
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", "glyph"])
    font.setupCharacterMap({ord(HIEROGLYPH): "glyph"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "glyph": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "glyph": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Ours", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "ours.ttf")
    with new_camera(environ={**os.environ, "GPU_DOC_FONTS": str(tmp_path)}) as room:
        (shot,) = taken(room, html(f"<p style='font-size: 40px'>{HIEROGLYPH}</p>"))
    with Image.open(io.BytesIO(shot.png)) as picture:
        middle = picture.convert("L").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(middle, int)
    assert middle < 60  # the square of this font, not the outline of a box


ROWS = ["┌──────┐", "│ab  cd│", "│中文ab│", "│한국어│", "│✅ab🟢│", "│⠋⣿⠿⠇⠸⠴│", "│、。「│", "│ｱｲｳｴｵｶ│", "└──────┘"]

RICH = (
    "white-space:pre;overflow-x:auto;line-height:normal;"
    "font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace"
)
"""The style that rich 14 writes."""


@pytest.mark.parametrize(
    "table",
    [
        exhibit(stream("\n".join(ROWS))),
        exhibit(stream("\n".join(f"\x1b[1m{row}\x1b[0m" for row in ROWS))),
        exhibit(stream("\n".join([*ROWS[:-1], "│👩‍💻❤️🇩🇪│", ROWS[-1]]))),
        html(f"<pre>{chr(10).join(ROWS)}</pre>"),
        html(f'<pre style="{RICH}">{chr(10).join(ROWS)}</pre>'),
        exhibit(kind="terminal", lines=tuple((Span(text=row),) for row in ROWS)),
    ],
    ids=["text", "bold", "emoji of several characters", "HTML", "rich", "terminal"],
)
def test_drawn_boxes_close(room: Camera, table: Exhibit) -> None:
    """The right edge of a table is in one column, whatever stands before it."""
    (shot,) = taken(room, table)
    rows = len(table.lines) or str(table.outputs).count("│") // 2 + 2
    with Image.open(io.BytesIO(shot.png)) as picture:
        dark = picture.convert("L").point(lambda grey: 255 * (grey < 100))
    left, top, right, bottom = dark.getbbox() or (0, 0, 0, 0)
    ends = set()
    for row in range(rows):
        middle = top + (bottom - top) * row // (rows - 1)
        strip = dark.crop((left, middle - 3, right, middle + 4)).getbbox()
        assert strip
        ends.add(strip[2])
    assert max(ends) - min(ends) <= 1, ends
