from __future__ import annotations

from gpu_doc.text.terminal_colours import background, contrast, legible


def test_what_can_be_read_stays() -> None:
    assert legible("#aa0000", "#ffffff") == "#aa0000"
    assert legible("#ffff00", "#000000") == "#ffff00"


def test_yellow_and_white_on_white_are_darkened() -> None:
    assert contrast(legible("#ffff00", "#ffffff"), "#ffffff") >= 4.5
    assert legible("#ffff00", "#ffffff")[5:] == "00", "it is still yellow"
    assert legible("#ffffff", "#ffffff") < "#777777"


def test_dark_blue_on_black_is_lightened() -> None:
    assert legible("#000080", "#0d1117") > "#6060a0"


def test_backgrounds_have_colours_under_all_names_of_pyte() -> None:
    from pyte import graphics

    names = {*graphics.BG.values(), *graphics.BG_AIXTERM.values()} - {"default"}
    assert {name for name in names if len(background(name) or "") != 7} == set()
