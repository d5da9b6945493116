"""Secrets in whole refreshes: handed through, asked for by name, and nowhere in what is said, kept or published."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.parse
from pathlib import Path

import pytest

from tests.integration.engines import image

from .conftest import Project, code, notebook

SECRET = "Zebra7Quagga-Okapi/9"
TOKEN = "ghs_0123456789abcdefGHIJ"
FORMS = [
    *("Zebra7", "Quagga", "Okapi", TOKEN, SECRET.encode().hex(), urllib.parse.quote(SECRET, safe="")),
    *(base64.b64encode(b"x" * n + SECRET.encode()).decode()[4:-4] for n in range(3)),
]

CONFIG = """\
defaults: {{secrets: [API_KEY]{more}}}
reports:
  - path: docs/report.md
    template: report.md.j2
    runs:
      show: {{notebook: show.ipynb, parameters: {{key: "{key}"}}, produces: [out.csv, out.json]}}
      log: {{command: [{python}, -c, "import os; print(os.environ['API_KEY'])", "{key}"]}}
"""

SHOW = notebook(
    code("key = ''", "parameters"),
    code(
        "import json, os\n"
        "key = os.environ['API_KEY']\n"
        "open('out.csv', 'w').write(f'name,key\\nme,{key}\\n')\n"
        "json.dump([key], open('out.json', 'w'))\n"
        "print('the key is', key, key.encode().hex())",
        "said",
    ),
    code("key + '!'", "value"),
    code("from IPython.display import HTML\nHTML(f'<b>{key}</b> in a picture')", "rich"),
    code("from IPython.display import HTML\nHTML(f'<b>{\"*\" * 3}</b> in a picture')", "expected"),
    code(f"len('{SECRET}')"),
    code("import pandas\npandas.DataFrame({'key': [key]})", "frame"),
)

TEMPLATE = """\
{{ text("show/said") }}

It is {{ value("show/value") }}.

{{ shot("show/rich") }}

{{ shot("show/expected") }}

{{ table("show/frame") }}

{{ table("show/file:out.csv") }}

{{ text("show/file:out.json") }}

{{ code("show/said") }}

{{ terminal("log") }}

{{ text("log") }}
"""


def project(folder: Path, more: str = "", python: str = "python", template: str = TEMPLATE) -> Project:
    made = Project(folder / "project")
    config = CONFIG.format(key=SECRET, more=more, python=python)
    made.write({"gpu-doc.yml": config, "show.ipynb": SHOW, "report.md.j2": template})
    return made


def leaks(made: Project) -> list[str]:
    """The files of ours that hold the secret in some form; the user's own, in which it stands, are not ours."""
    files = [path for place in ("docs", ".gpu-doc") for path in (made.root / place).rglob("*") if path.is_file()]
    assert len(files) > 5
    return [f"{path}: {form}" for path in files for form in FORMS if form.encode() in path.read_bytes()]


@pytest.mark.needs("chromium")
def test_nothing_that_is_said_kept_or_published_holds_a_secret(tmp_path: Path) -> None:
    made = project(tmp_path)
    done = made.gpu_doc("run", API_KEY=SECRET, GITHUB_TOKEN=TOKEN)
    assert leaks(made) == []
    assert not any(form in done.stdout + done.stderr for form in FORMS)
    text = made.read("docs/report.md")
    assert "the key is *** ***" in text
    assert "It is ***!." in text
    assert text.count("***") + text.count(r"\*\*\*") >= 7
    evidence = made.evidence()
    assert evidence["runs"]["show"]["source"]["parameters"] == {"key": "***"}
    assert evidence["runs"]["log"]["source"]["command"][-1] == "***"
    # The page was redacted before it was photographed.
    pictures = sorted(path.read_bytes() for path in (made.root / "docs/report.assets").glob("show-*.png"))
    assert len(pictures) == 2
    assert pictures[0] == pictures[1]
    assert "fresh" in made.gpu_doc("plan", API_KEY=SECRET).stdout.splitlines()[0]
    made.gpu_doc("check", API_KEY=SECRET, GITHUB_TOKEN=TOKEN)


@pytest.mark.needs("chromium")
@pytest.mark.full
def test_a_secret_of_digits_and_letters_written_as_entities_are_not_shown(tmp_path: Path) -> None:
    digits = "8675309042"
    shown = [
        "from IPython.display import HTML, display\nimport os\nkey = os.environ['API_KEY']",
        "display({'application/json': int(key)}, raw=True)",
        "float(key)",
        "HTML(''.join(f'&#{ord(letter)};' for letter in key))",
        "HTML('<!-- > -->'.join(key))",
        "HTML('***')",
    ]
    template = '{{ value("show/#2") }}\n\n{{ text("show/#3") }}\n\n{{ shot("show/#4") }}\n\n{{ shot("show/#6") }}\n\n'
    made = project(tmp_path, template=template + '{{ shot("show/#5") }}\n')
    made.write({"show.ipynb": notebook(*map(code, shown))})
    made.edit("gpu-doc.yml", f', parameters: {{key: "{SECRET}"}}, produces: [out.csv, out.json]', "")
    made.edit("gpu-doc.yml", SECRET, "")
    made.gpu_doc("run", API_KEY=digits)
    assert "\n\n***\n\n" in made.read("docs/report.md")
    assert "```text\n***\n```" in made.read("docs/report.md")
    files = [path for place in ("docs", ".gpu-doc") for path in (made.root / place).rglob("*") if path.is_file()]
    assert not [path for path in files if b"86753" in path.read_bytes() or b"&#56;&#54;" in path.read_bytes()]
    entities, comments, expected = (
        next((made.root / "docs/report.assets").glob(f"show-{number}-*.png")).read_bytes() for number in (4, 5, 6)
    )
    assert entities == expected
    assert comments == expected


@pytest.mark.needs("docker")
def test_a_container_gets_a_secret_and_shows_what_becomes_of_it(tmp_path: Path) -> None:
    template = '{{ text("show/said") }}\n\n{{ table("show/file:out.csv") }}\n\n{{ text("log") }}\n\n'
    template += '{{ launch_command("log") }}\n\n{{ launch_command("show") }}\n'
    made = project(tmp_path, more=f", image: '{image('ipykernel')}'", python="python3", template=template)
    made.write({"show.ipynb": notebook(*json.loads(SHOW)["cells"][:2])})
    done = made.gpu_doc("run", API_KEY=SECRET, GITHUB_TOKEN=TOKEN)
    assert leaks(made) == []
    assert not any(form in done.stdout + done.stderr for form in FORMS)
    text = made.read("docs/report.md")
    assert "the key is *** ***" in text
    assert "--env API_KEY" in text


def test_a_failing_run_tells_and_keeps_no_secret(tmp_path: Path) -> None:
    made = project(tmp_path)
    made.write({"show.ipynb": notebook(code("key = ''", "parameters"), code("raise ValueError(f'no, {key}')", "said"))})
    made.write({"report.md.j2": '{{ text("show/said") }}\n\n{{ text("log") }}\n'})
    made.edit("gpu-doc.yml", "import os; print(os.environ['API_KEY'])", "raise SystemExit(1)")
    told = made.root / "told"
    runner = {"GITHUB_ACTIONS": "true", "XDG_CACHE_HOME": str(made.root / ".gpu-doc")}
    runner |= {"GITHUB_STEP_SUMMARY": f"{told}.md", "GITHUB_OUTPUT": f"{told}.txt"}
    for more in ({}, runner):
        done = made.gpu_doc("run", code=3, API_KEY=SECRET, GITHUB_TOKEN=TOKEN, **more)
        assert "ValueError: no, ***" in done.stderr
        assert "raise SystemExit(1)" in done.stderr
        assert not any(form in done.stdout + done.stderr for form in FORMS)
    assert not any(form in path.read_text() for path in made.root.glob("told.*") for form in FORMS)
    kept = list((made.root / ".gpu-doc").rglob("executed.ipynb"))
    assert kept
    assert not any(form.encode() in path.read_bytes() for path in kept for form in FORMS)


def test_what_was_no_secret_when_its_run_was_made_is_redacted_when_it_is_shown(tmp_path: Path) -> None:
    made = project(tmp_path, template='{{ text("show/said") }}\n')
    made.edit("gpu-doc.yml", "secrets: [API_KEY]", "env: [API_KEY]")
    made.edit("gpu-doc.yml", f'"{SECRET}"}}, produces', '"x"}, produces')
    made.gpu_doc("run", API_KEY=SECRET)
    assert SECRET in made.read("docs/report.md")
    made.edit("gpu-doc.yml", "env: [API_KEY]", "secrets: [API_KEY]")
    made.write({"report.md.j2": '{{ table("show/file:out.csv") }}\n\n{{ value("show/value") }}\n'})
    made.gpu_doc("run", API_KEY=SECRET)
    assert not any(form in made.read("docs/report.md") for form in FORMS)


def test_env_is_never_redacted(tmp_path: Path) -> None:
    made = project(tmp_path, template='{{ text("log") }}\n')
    made.edit("gpu-doc.yml", "secrets: [API_KEY]", "env: [API_KEY]")
    made.gpu_doc("run", API_KEY="production")
    assert "production" in made.read("docs/report.md")


@pytest.mark.parametrize("environ", [{}, {"API_KEY": " "}], ids=["not set", "empty"])
def test_a_secret_that_is_not_there_is_asked_for_by_name_before_anything_runs(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    made = project(tmp_path)
    made.edit("gpu-doc.yml", "defaults: {secrets: [API_KEY]}", "")
    made.edit("gpu-doc.yml", "log: {", "log: {secrets: [API_KEY], ")
    done = made.gpu_doc("run", code=2, **environ)
    assert "the run log needs `API_KEY`, which is not set here" in done.stderr
    assert "API_KEY: ${{ secrets.API_KEY }}" in done.stderr
    assert "gpu-doc.yml:7" in done.stderr
    assert "started" not in done.stderr
    assert not (made.root / "docs").exists()


def test_what_is_fresh_needs_no_secret(tmp_path: Path) -> None:
    made = project(tmp_path, template='{{ text("log") }}\n')
    made.edit("show.ipynb", SECRET, "nothing")
    made.edit("gpu-doc.yml", f', "{SECRET}"]', "]")
    made.edit("gpu-doc.yml", f'{{key: "{SECRET}"}}', "{}")
    made.gpu_doc("run", API_KEY=SECRET)
    made.gpu_doc("check")
    made.gpu_doc("run")
    shutil.rmtree(made.root / ".gpu-doc")
    made.write({"report.md.j2": '{{ terminal("log") }}\n'})
    done = made.gpu_doc("run", code=2)
    assert "the run log needs `API_KEY`" in done.stderr


def test_a_secret_of_fewer_than_eight_characters_is_refused(tmp_path: Path) -> None:
    made = project(tmp_path)
    done = made.gpu_doc("run", code=2, API_KEY="1234567")
    assert "the value of `API_KEY` is shorter than 8 characters" in done.stderr
    assert "gpu-doc.yml:1" in done.stderr
    assert "1234567" not in done.stderr + done.stdout
    assert not (made.root / "docs").exists()
