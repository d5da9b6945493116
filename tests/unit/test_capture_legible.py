from __future__ import annotations

from gpu_doc.pictures.legible import legible


def test_what_can_be_read_stays() -> None:
    assert legible("#aa0000", "#ffffff") == "#aa0000"
    assert legible("#ffff00", "#000000") == "#ffff00"


def test_yellow_and_white_on_white_are_darkened() -> None:
    assert legible("#ffff00", "#ffffff") == "#999900"
    assert legible("#ffffff", "#ffffff") < "#999999"


def test_dark_blue_on_black_is_lightened() -> None:
    assert legible("#000080", "#0d1117") > "#4040a0"
