"""What differs from one execution to the next, and is no result."""

from __future__ import annotations

import pytest

from gpu_doc.notebooks.noise import steady, without_noise


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/tmp/ipykernel_417/26083.py:2: UserWarning: careful", "ipykernel/26083.py:2: UserWarning: careful"),
        ("/var/folders/x y/ipykernel_9/1.py:1: W", "/var/folders/x ipykernel/1.py:1: W"),
        ('File "/tmp/ipykernel_9/5.py", line 2', 'File "ipykernel/5.py", line 2'),
        ("<__main__.A object at 0x7f3a2c0d1e50>", "<__main__.A object at 0x…>"),
        ("[<Line2D at 0x7FFAB0>]", "[<Line2D at 0x…>]"),
        ("100%|███| 3/3 [00:02<00:00,  1.20it/s]", "100%|███| 3/3"),
        ("  0%| | 0/3 [00:00<?, ?it/s]", "  0%| | 0/3"),
        ("3/3 [1:00:02<00:00, 2.10s/it, loss=0.25]", "3/3 [loss=0.25]"),
        ("3/3\u2007[00:02&lt;00:00,\u20071.20it/s]", "3/3"),
        ("5.2M/9.8M [00:01<00:00, 4.11MB/s]", "5.2M/9.8M"),
    ],
)
def test_it_is_the_same_each_time(text: str, kept: str) -> None:
    assert steady(text) == kept


def test_a_bar_that_is_shorter_without_its_clock_covers_what_lies_below_it() -> None:
    """Else the end of `400/400` makes `3/3` a `3/30`."""
    inner, outer = "batch: 100%|#| 400/400 [00:00<00:00, 9.1it/s]", "epochs: 100%|#| 3/3 [00:01<00:00, 2.01it/s]"
    written = f"\n{inner}\x1b[A\n\r{outer}"
    (output,) = without_noise([{"output_type": "stream", "name": "stderr", "text": written}])
    assert output["text"].split("\n")[-1] == "epochs: 100%|#| 3/3"


@pytest.mark.parametrize(
    "text",
    [
        "meet at 0x10",  # too short for an address
        "0x7f3a2c0d1e50",  # a number that somebody printed
        "ipykernel_7 is a package, and ipykernel_1/x.py a file",
        "[00:00<00:01]",
        "[1, 2, 3] it/s",
        "from [00:01, 00:02] at 5 it/s",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert steady(text) == text


def test_every_text_of_an_output_is_looked_at_and_nothing_else() -> None:
    noisy = "<A at 0x7f3a2c0d1e50>"
    outputs = (
        {"output_type": "stream", "name": "stdout", "text": [noisy, "\n", noisy]},
        {"output_type": "error", "ename": "E", "evalue": noisy, "traceback": [noisy]},
        {"output_type": "display_data", "data": {"text/plain": noisy, "text/html": [noisy], "image/png": noisy}},
    )
    stream, error, display = without_noise(outputs)
    assert stream["text"] == "<A at 0x…>\n<A at 0x…>"
    assert error["traceback"] == ["<A at 0x…>"]
    assert display["data"] == {"text/plain": "<A at 0x…>", "text/html": "<A at 0x…>", "image/png": noisy}


def test_a_warning_that_follows_itself_is_shown_once() -> None:
    line = "findfont: Font family 'Nimbus' not found.\n"

    def shown(text: str, name: str = "stderr") -> str:
        return str(without_noise([{"output_type": "stream", "name": name, "text": text}])[0]["text"])

    assert shown(f"begin\n{line * 400}end") == f"begin\n{line}(the same line 399 more times)\nend"
    assert shown(line * 3) == line * 3
    assert shown("\n" * 9) == "\n" * 9
    assert shown(line * 400, "stdout") == line * 400, "what a program prints is its result"


@pytest.mark.timeout(10)
def test_no_text_takes_long() -> None:
    for text in ("[00:00<" * 100_000, "/a" * 200_000, " " * 300_000, "[0:00<?, 1" + "x" * 99_999, "9" * 300_000):
        steady(text + "ipykernel_ at 0x it/s")
