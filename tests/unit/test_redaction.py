"""Values of secrets are found however they are written, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpu_doc import redaction
from gpu_doc.config import load
from gpu_doc.console.console import Console
from gpu_doc.errors import CaptureError, ConfigError, RunError
from gpu_doc.execution.workers.own_log import Log
from gpu_doc.model.configuration import Config
from gpu_doc.model.location import Location, Problem
from gpu_doc.model.pictures import Exhibit
from gpu_doc.pictures.secrets import check_secrets
from gpu_doc.redaction import MARK, Redactor
from gpu_doc.redaction.forms import forms
from gpu_doc.redaction.visible import visible_text

SECRET = 'hunter2-"Pass\\word/+'
TOKEN = "ghp_a1B2c3D4e5F6g7H8"

Encoder = Callable[[str], str]

ENCODERS: dict[str, Encoder] = {
    "as it is": str,
    "URL": urllib.parse.quote,
    "URL, all": lambda text: urllib.parse.quote(text, safe=""),
    "form": urllib.parse.quote_plus,
    "URL, lower case": lambda text: re.sub(
        "%..", lambda m: m[0].lower(), urllib.parse.quote(text, safe="").replace("%2A", "*")
    ),
    "URL, twice": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "URL, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "hexadecimal, apart": lambda text: text.encode().hex(" "),
    "hexadecimal, colons": lambda text: text.encode().hex(":"),
    "hexadecimal, escaped": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, one before": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64, login": lambda text: base64.b64encode(b"me:" + text.encode() + b"\n").decode(),
    "base64, two before": lambda text: base64.urlsafe_b64encode(b"u:" + text.encode() + b" and more").decode(),
    "base64, without padding": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, wrapped": lambda text: base64.encodebytes(b"x" * 50 + text.encode() + b"y" * 9).decode(),
    "base64, wrapped, shown": lambda text: repr(base64.encodebytes(b"x" * 51 + text.encode())),
    "JSON": json.dumps,
    "JSON, twice": lambda text: json.dumps(json.dumps(text)),
    "JSON, as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "Python": repr,
    "Python, bytes": lambda text: repr(text.encode()),
    "Python, ASCII": ascii,
    "HTML": html.escape,
    "HTML, twice": lambda text: html.escape(html.escape(text)),
    "HTML, numbers": lambda text: text.encode("ascii", "xmlcharrefreplace").decode().replace('"', "&#34;"),
    "XML": lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    "coloured": "\x1b[38;5;241m".join,
    "tagged": '</span><span class="n">'.join,
    "wrapped": "\n    ".join,
    "LaTeX": lambda text: re.sub(r"([_#$%&{}])", r"\\\1", text),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("secret", [SECRET, TOKEN, "päss wörd 😀 für", "two words & 'more'"])
def test_a_secret_is_found_however_it_is_written(secret: str, name: str) -> None:
    found = Redactor([secret]).text(f"before {ENCODERS[name](secret)} after")
    left = set(re.findall(r"[^\W_]{3,}", found)) - {"before", "after"}
    assert MARK in found
    # In base64 there may be something of what stands around it.
    assert not left or "base64" in name


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=8)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(deadline=None)
@given(SECRETS, TEXTS, TEXTS, st.sampled_from(sorted(ENCODERS)))
@example("00000000", "", "", "base64, one before")
@example("\\\\\\\\\\\\\\\\", "", "", "JSON")
@example("%%%%%%%%", "", "", "URL, twice")
@example("+/+/+/+/", "", "", "base64, two before")
def test_no_form_of_any_secret_survives(secret: str, before: str, after: str, name: str) -> None:
    form = ENCODERS[name](secret)
    found = Redactor([secret]).text(before + form + after)
    assert MARK in found
    # What is left of a longer text's base64 decodes to nothing of the secret.
    assert form not in found or form in before + after


ALPHABETS = (base64.b64encode, base64.urlsafe_b64encode)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=20), SECRETS, st.binary(max_size=20), st.sampled_from(ALPHABETS))
def test_no_base64_gives_a_secret_away(
    before: bytes, secret: str, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    found = Redactor([secret]).raw(encode(before + secret.encode() + after))
    assert MARK.encode() in found
    for part in found.split(MARK.encode()):
        for start in range(4):
            digits = part[start:].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
            decoded = base64.b64decode(digits[: len(digits) // 4 * 4])
            assert secret.encode() not in decoded or secret.encode() in before + after


@settings(max_examples=50, deadline=None)
@given(TEXTS, SECRETS, TEXTS)
def test_json_stays_json(before: str, secret: str, after: str) -> None:
    shown = json.dumps({"key": [before, f"{before}{secret}{after}", 1]})
    json.loads(Redactor([secret]).text(json.dumps({"a": shown})))


@settings(deadline=None)
@given(st.text())
@example("<b>0.99</b> \x1b[31mred\x1b[0m %20 \\n &amp; aGVsbG8gd29ybGQ=")
def test_other_text_is_left_alone(text: str) -> None:
    assert Redactor([SECRET, TOKEN]).text(text) is text


def test_without_secrets_nothing_is_looked_at() -> None:
    nothing = Redactor()
    text, output = "x" * 100, {"output_type": "stream", "text": "x"}
    assert not nothing
    assert nothing.text(text) is text
    assert nothing.json(output) is output
    assert nothing.output(output) == output


# --- several, and parts ----------------------------------------------------------------------------------------------


def test_secrets_in_each_other_and_over_each_other_are_gone_whole() -> None:
    both = Redactor(["password", "password1234", "1234-and-more"])
    assert both.text("a password1234 b password c") == f"a {MARK} b {MARK} c"
    assert both.text("password1234-and-more") == MARK
    assert Redactor(["abababab"]).text("abababababab!") == f"{MARK}!"


KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqh+iG9w0B/AQEFAAS\nCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyj"
KEY += "i\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "shown",
    [
        KEY,
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", " "),
        KEY.replace("\n", "\\n"),
        urllib.parse.quote(KEY),
        "    " + KEY.replace("\n", "\n    "),
        html.escape(KEY).replace("\n", "<br>\n"),
    ],
)
def test_a_key_of_several_lines_is_found_whole(shown: str) -> None:
    assert Redactor([KEY]).text(f"[{shown}]").strip("[ ]") == MARK


def test_long_lines_of_a_key_are_found_alone() -> None:
    found = Redactor([KEY]).text("-----BEGIN PRIVATE KEY-----: 1: MIIEvQIBADANBgkqh+iG9w0B/AQEFAAS")
    assert found == f"-----BEGIN PRIVATE KEY-----: 1: {MARK}"


@settings(deadline=None)
@given(st.data())
def test_what_runs_over_the_ends_of_parts_is_gone_from_all(data: st.DataObject) -> None:
    whole = f"one {SECRET} two {TOKEN} three"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = Redactor([SECRET, TOKEN]).parts(parts)
    assert len(found) == len(parts)
    assert "".join(found) == f"one {MARK} two {MARK} three"


# --- streams ---------------------------------------------------------------------------------------------------------


def streamed(redactor: Redactor, chunks: list[bytes]) -> bytes:
    written = io.BytesIO()
    with redactor.stream(written.write) as stream:
        for chunk in chunks:
            stream.write(chunk)
    return written.getvalue()


@settings(max_examples=10)
@given(st.data())
def test_no_chunking_lets_a_secret_through(data: st.DataObject) -> None:
    redactor = Redactor([SECRET, TOKEN])
    line = b"epoch 7 loss 0.123\n" * 400
    shown = [ENCODERS[data.draw(st.sampled_from(sorted(ENCODERS)))](SECRET).encode() for _ in range(30)]
    whole = b"".join(line[data.draw(st.integers(0, 9)) :] + each for each in shown)
    sizes = data.draw(st.lists(st.integers(1, 70_000), min_size=1, max_size=40))
    chunks: list[bytes] = []
    at = 0
    while at < len(whole):
        size = sizes[len(chunks) % len(sizes)] if len(chunks) < 200 else len(whole)
        chunks.append(whole[at : at + size])
        at += size
    found = streamed(redactor, chunks)
    assert found == redactor.raw(whole)
    assert found.count(MARK.encode()) == len(shown)


def test_a_long_stream_is_passed_on_while_it_comes() -> None:
    written: list[bytes] = []
    stream = Redactor([SECRET]).stream(written.append)
    for _ in range(1000):
        stream.write(b"x" * 1000)
    assert sum(map(len, written)) > 800_000


def test_a_kernels_own_log_is_redacted_while_it_is_written(tmp_path: Path) -> None:
    log = Log(tmp_path / "kernel.log", Redactor([SECRET]))
    for part in (SECRET[:5], SECRET[5:], " and more"):
        log.write(part.encode())
        assert "hunt" not in ((tmp_path / "kernel.log").read_text() if (tmp_path / "kernel.log").exists() else "")
    assert log.end() == f"{MARK} and more"


# --- outputs, errors, what is printed --------------------------------------------------------------------------------


def test_a_picture_that_holds_a_secret_is_left_out_rather_than_spoilt() -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n tEXt author " + SECRET.encode() + b" IEND").decode()
    data = {"image/png": picture, "text/html": f"<b>{html.escape(SECRET)}</b>", "application/json": {SECRET: [SECRET]}}
    output = {"output_type": "display_data", "data": data, "metadata": {"who": SECRET}}
    found = Redactor([SECRET]).output(output)
    assert found["data"] == {
        "text/plain": f"{MARK} (image/png left out: it holds a secret)",
        "text/html": f"<b>{MARK}</b>",
        "application/json": {MARK: [MARK]},
    }
    assert found["metadata"] == {"who": MARK}


def test_binary_data_is_searched_as_numpy_and_windows_write_it() -> None:
    redactor = Redactor([SECRET])
    for code in ("utf-8", "utf-16-le", "utf-32-le"):
        assert redactor.is_in_binary(b"\0\1" + SECRET.encode(code) + b"\0\0")
    assert not redactor.is_in_binary(bytes(range(256)) * 10)


def printed(*, ci: bool) -> tuple[Console, Callable[[], str]]:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, interactive=False, colour=True, ci=ci, redactor=Redactor([SECRET]))
    return console, lambda: out.getvalue() + err.getvalue()


@pytest.mark.parametrize("place", ["here", "on a runner"])
def test_nothing_that_is_printed_holds_a_secret(place: str) -> None:
    console, said = printed(ci=place == "on a runner")
    console.say(f"say {SECRET}")
    console.verdict(SECRET, SECRET, good=True)
    console.note(json.dumps(SECRET))
    console.warn(SECRET, where=f"{SECRET}:1")
    console.error(RunError(SECRET, where=SECRET, remedy=SECRET, details=f"\x1b[31m{SECRET[:5]}\x1b[0m{SECRET[5:]}"))
    console.defect(ValueError(SECRET), ["run", SECRET])
    with console.progress() as progress:
        progress.message(SECRET)
    text = re.sub(r"\x1b\[[0-9;]*m", "", said())
    assert not any(part in text for part in ("hunter", "Pass", "word/"))
    assert text.count(MARK) >= 12


def test_a_runner_is_told_what_to_mask() -> None:
    console, said = printed(ci=True)
    console.mask(SECRET)
    assert f"::add-mask::{SECRET}" in said()


def test_an_error_is_redacted_in_all_that_it_says() -> None:
    error = RunError(f"{SECRET}!", where=SECRET, remedy=SECRET, details=SECRET, kept=SECRET)
    Redactor([SECRET]).error(error)
    assert (error.what, error.where, error.remedy, error.details, error.kept, str(error)) == (
        *(f"{MARK}!", MARK, MARK, MARK, MARK),
        f"{MARK}!",
    )


def test_a_place_is_redacted_as_its_text_is() -> None:
    problem = Problem(Location(f"{SECRET}.yml", 3, 1), f"not {SECRET}")
    error = ConfigError("1 problem", where=Location(f"{SECRET}.ipynb", 2, cell=1, cell_name=SECRET), problems=[problem])
    Redactor([SECRET]).error(error)
    assert error.location == Location(f"{MARK}.ipynb", 2, cell=1, cell_name=MARK)
    assert error.problems == (Problem(Location(f"{MARK}.yml", 3, 1), f"not {MARK}"),)
    assert (error.where, error.details) == (str(error.location), str(error.problems[0]))


# --- which they are --------------------------------------------------------------------------------------------------

CONFIG = """\
defaults: {env: [MODE, GH_TOKEN], secrets: [API_KEY]}
reports:
  - path: docs/a.md
    runs:
      a: {command: [x]}
      b: {command: [x], secrets: [OTHER]}
"""


def read(root: Path) -> Config:
    (root / "docs").mkdir()
    (root / "docs/a.md").touch()
    (root / "gpu-doc.yml").write_text(CONFIG)
    return load(root / "gpu-doc.yml")


def test_secrets_and_our_tokens_are_known_and_nothing_else(tmp_path: Path) -> None:
    environ = {
        "API_KEY": f" {SECRET}\n",
        "OTHER": "short",
        "MODE": "production",
        "HF_TOKEN": "not-one-of-ours",
        "GITHUB_SHA": "0123456789abcdef",
        "GH_TOKEN": TOKEN,
        "INPUT_TOKEN": "token-of-input",
        "ACTIONS_RUNTIME_TOKEN": "token-of-runtime",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "token-of-oidc",
        "GITHUB_TOKEN": "x",
    }
    known = redaction.known(read(tmp_path), environ)
    assert set(known.values) == {SECRET, TOKEN, "token-of-input", "token-of-runtime", "token-of-oidc"}
    assert set(redaction.known(None, environ).values) == set(known.values) - {SECRET}


def test_a_short_secret_is_refused_by_name_and_not_by_value(tmp_path: Path) -> None:
    config = read(tmp_path)
    with pytest.raises(ConfigError) as caught:
        redaction.refuse_short(config, {"OTHER": "1234567 ", "API_KEY": "12345678"})
    assert caught.value.exit_code == 2
    assert caught.value.where == "gpu-doc.yml:6"
    assert "`OTHER`" in caught.value.what
    assert "1234567" not in str(vars(caught.value))
    redaction.refuse_short(config, {"OTHER": "", "API_KEY": "12345678", "MODE": "x"})


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["epoch 12 loss 0.1234\n", "<td>12</td> <td>0.1</td>\n", "\x1b[32m#####\x1b[0m 50%\n", "\\n\\\\n \\x41 \r\n"],
)
def test_megabytes_without_a_secret_take_a_moment(line: str) -> None:
    text = line * (4_000_000 // len(line))
    begin = time.process_time()
    assert Redactor([SECRET, TOKEN, KEY]).text(text) is text
    assert time.process_time() - begin < 3


def traps() -> Iterator[str]:
    """Texts in which a careless expression would try every way of taking what stands between letters."""
    for between in ("\r\n", "\n  ", "\\", "\\n", "<i>", "\x1b[", "\x1b]", " ", "%25", "&amp;", "\r\n \\n", "a "):
        yield between * 4_000
        yield "hunter2" + between * 4_000 + "-"
        yield 'hunter2-"' + between * 4_000 + "Pass "
        yield "-----BEGIN " + between * 4_000 + "PRIVATE"


def test_no_text_makes_it_slow() -> None:
    patterns = [
        form.pattern for secret in (SECRET, KEY, "a b c d e f", "*********", "%%<<>>\\\\") for form in forms(secret)
    ]
    begin = time.process_time()
    for text in traps():
        for pattern in patterns:
            pattern.search(text.encode())
    assert time.process_time() - begin < 10


# --- numbers, and what a page shows ----------------------------------------------------------------------------------

DIGITS = "8675309042"


@pytest.mark.parametrize(
    "value",
    [
        8675309042,
        -8675309042,
        8675309042.0,
        18675309042,
        0.8675309042,
        {"a": [8675309042]},
        "8,675,309,042",
        "8_675_309_042",
        "8.675309042e+09",
        "8 675 309 042.00",
        "x=8675309042;",
    ],
)
def test_a_secret_of_digits_is_found_in_numbers(value: object) -> None:
    found = json.dumps(Redactor([DIGITS]).json(value))
    assert MARK in found
    assert "675309" not in found.replace(",", "")


def test_large_and_broken_secret_numbers_are_found_in_each_form() -> None:
    long = "12345678901234567890"
    for secret, number in ((long, float(long)), (long, int(long)), ("1234.5678", 1234.5678), ("0012345678", 12345678)):
        assert Redactor([secret]).json([number]) == [MARK]


@pytest.mark.parametrize("value", [True, None, 1, 86753, 0.5, float("nan"), float("inf"), 1e300, -7, 10**30])
def test_other_numbers_stay(value: object) -> None:
    assert repr(Redactor([DIGITS, "1" * 8, "00000001", "0000000000"]).json(value)) == repr(value)


def test_letters_may_be_escaped_each_in_its_own_way() -> None:
    ways: list[Encoder] = [
        lambda letter: f"&#{ord(letter)};",
        lambda letter: f"&#x{ord(letter):x};",
        lambda letter: f"&amp;#x{ord(letter):04X};",
        lambda letter: f"\\u{ord(letter):04x}",
        lambda letter: f"\\\\u{ord(letter):04X}",
        lambda letter: f"\\U{ord(letter):08x}",
        lambda letter: f"\\u{{{ord(letter):x}}}",
        lambda letter: f"\\x{ord(letter):02x}",
        lambda letter: f"\\{ord(letter):03o}",
        lambda letter: f"%{ord(letter):02x}",
        lambda letter: f"%25{ord(letter):02x}",
        lambda letter: f"{letter}<!-- a > b -->",
    ]
    for way in ways:
        assert Redactor([TOKEN]).text(f"a {''.join(map(way, TOKEN))} b") in (f"a {MARK} b", f"a {MARK}<!-- a > b --> b")
    mixed = "".join(ways[at % 10](letter) if at % 3 else letter for at, letter in enumerate(TOKEN))
    assert Redactor([TOKEN]).text(f"<b>ü{mixed}ü</b>") == f"<b>ü{MARK}ü</b>"


def test_texts_full_of_escapes_stay_and_take_no_time() -> None:
    text = ("&lt;a&gt; \\u00e4\\n %20 &#228; &unknown; \\777 &#99999999; \\U99999999 " * 20_000).strip()
    start = time.process_time()
    assert Redactor([TOKEN, SECRET]).text(text) == text
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "html",
    [
        "<p>{0}<b title='>'>{1}</b></p>",
        "{0}<!-- > -->{1}",
        "{0}<wbr>{1}",
        "{0}&shy;{1}",
        '<iframe srcdoc="<b>{0}</b>&lt;i&gt;{1}"></iframe>',
        "<img src='data:image/svg+xml,%3Csvg%3E%3Ctext%3E{0}%3Ctspan%3E{1}%3C/tspan%3E'>",
        "<img alt='{0}{1}'>",
        "<![if x]>{0}<b>{1}",
    ],
)
def test_what_a_page_shows_is_read_as_a_person_reads_it(html: str) -> None:
    assert TOKEN in visible_text(html.format(TOKEN[:7], TOKEN[7:]))


def test_a_picture_that_would_show_a_secret_is_not_taken() -> None:
    exhibit = Exhibit(kind="output", name="run/cell", width=800, scale=2, theme="light")
    shown = f"<section>{TOKEN[:7]}<b title='>'>{TOKEN[7:]}</b></section>"
    with pytest.raises(CaptureError, match="would show the value of a secret") as caught:
        check_secrets(shown, exhibit, Redactor([TOKEN]))
    assert caught.value.where == "run/cell"
    check_secrets(shown, exhibit, Redactor(["another secret"]))
    check_secrets(shown, exhibit, Redactor())


def test_what_a_page_does_not_show_is_no_text_of_it() -> None:
    assert visible_text(f"<style>{TOKEN}</style><script>{TOKEN}</script><!-- {TOKEN} --><a href='{TOKEN}'>x</a>") == "x"
    assert Redactor([TOKEN]).text("&#103hp" + TOKEN[3:]) == MARK
