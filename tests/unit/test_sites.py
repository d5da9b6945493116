"""For which site a report is written, and what that decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gpu_doc.config import load
from gpu_doc.config.sites import site_of
from gpu_doc.errors import ConfigError
from gpu_doc.functions.shared.calls import bind
from gpu_doc.functions.shared.exhibits import Framing
from gpu_doc.model.answers import Call
from gpu_doc.model.configuration import PAGE_WIDTHS, Capture, Report, Run, Site
from gpu_doc.plan.meanings import settings_of

RUN = Run(report="docs/a.md", name="n", address="n", line=1, notebook="n.ipynb")
REPORT = Report(path="docs/a.md", line=1, runs=(RUN,))
SHOT = bind(Call(function="shot", args=("n/#1",)), REPORT)


@pytest.mark.parametrize(
    ("files", "report", "site"),
    [
        ({}, "docs/a.md", "github"),
        ({"mkdocs.yml": "site_name: x\n"}, "docs/a.md", "mkdocs"),
        ({"mkdocs.yml": "site_name: x\n"}, "docs/deep/a.md", "mkdocs"),
        ({"mkdocs.yml": "site_name: x\n"}, "README.md", "github"),
        ({"mkdocs.yaml": "docs_dir: 'pages'  # ours\n"}, "pages/a.md", "mkdocs"),
        ({"mkdocs.yml": "docs_dir: pages\n"}, "docs/a.md", "github"),
        ({"site/mkdocs.yml": ""}, "site/docs/a.md", "mkdocs"),
        ({"docs/conf.py": 'extensions = ["sphinx.ext.autodoc"]\n'}, "docs/a.md", "sphinx"),
        ({"docs/conf.py": 'html_theme = "furo"\n'}, "docs/guide/a.md", "sphinx"),
        ({"docs/conf.py": "PORT = 1\n"}, "docs/a.md", "github"),
        ({"docs/index.html": '<script src="//cdn/docsify@4"></script>'}, "docs/a.md", "docsify"),
        ({"docs/index.html": "<p>Hello</p>"}, "docs/a.md", "github"),
    ],
)
def test_a_report_is_for_the_site_whose_sources_it_lies_among(
    tmp_path: Path, files: dict[str, str], report: str, site: Site
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert site_of(tmp_path, report) == site


def test_what_cannot_be_read_is_no_site(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/conf.py").mkdir()
    (tmp_path / "docs/index.html").write_bytes(b"\xff" * 2_000_000 + b"docsify")
    assert site_of(tmp_path, "docs/a.md") == "github"


@pytest.mark.parametrize("site", PAGE_WIDTHS)
def test_the_page_is_as_wide_as_its_site_can_show(site: Site) -> None:
    report = replace(REPORT, site=site)
    (exhibit,) = Framing(Capture(), report).exhibits(SHOT, "output")
    assert exhibit.width == exhibit.canvas == PAGE_WIDTHS[site]
    (exhibit,) = Framing(Capture(width=500), report).exhibits(SHOT, "output")
    assert exhibit.width == exhibit.canvas == 500


@pytest.mark.parametrize(
    ("site", "text"),
    [
        ("github", "<picture><source"),
        ("mkdocs", "#only-light)![a \\*b\\*](a.assets/n-1-dark-"),
        ("sphinx", ".png\n:class: only-light\n:alt: a *b*\n```\n\n```{image} a.assets/n-1-dark-"),
        ("docsify", "![a \\*b\\*](a.assets/n-1-"),
        ("plain", "![a \\*b\\*](a.assets/n-1-"),
    ],
)
def test_light_and_dark_are_written_as_the_site_reads_them(site: Site, text: str) -> None:
    framing = Framing(Capture(theme="both"), replace(REPORT, site=site))
    exhibits = list(framing.exhibits(SHOT, "output"))
    answer = framing.pictured(SHOT, exhibits, "a *b*")
    assert text in str(answer.value)
    assert len(exhibits) == len(answer.assets) == (1 if site in ("docsify", "plain") else 2)


def test_an_alternative_text_ends_no_directive() -> None:
    framing = Framing(Capture(theme="both"), replace(REPORT, site="sphinx"))
    answer = framing.pictured(SHOT, list(framing.exhibits(SHOT, "output")), "a\n```\n\n# b")
    assert str(answer.value).count("```") == 2 * 2 + 2, "fences, and what stands in the middle of a line"
    assert "\n# b" not in str(answer.value)


def test_only_what_differs_from_github_is_kept_in_evidence() -> None:
    assert settings_of(REPORT, Capture(), launched=())["capture"] == {"width": 880, "scale": 2, "theme": "light"}
    other = settings_of(replace(REPORT, site="mkdocs", fit="content"), Capture(), launched=())["capture"]
    assert other == {"width": 736, "scale": 2, "theme": "light", "for": "mkdocs", "fit": "content"}


def _sites(root: Path, defaults: str, report: str, run: str = "{notebook: n.ipynb}") -> list[tuple[Site, str]]:
    for name in ("n.ipynb", "docs/a.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    (root / "mkdocs.yml").touch()
    reports = f"[{{path: docs/a.md, {report}runs: {{n: {run}}}}}]"
    (root / "gpu-doc.yml").write_text(f"defaults: {{{defaults}}}\nreports: {reports}\n")
    return [(report.site, report.fit) for report in load(root / "gpu-doc.yml").reports]


def test_site_and_fit_are_given_for_all_reports_or_for_one(tmp_path: Path) -> None:
    assert _sites(tmp_path, "", "") == [("mkdocs", "page")]
    assert _sites(tmp_path, "for: sphinx, fit: content", "") == [("sphinx", "content")]
    assert _sites(tmp_path, "for: sphinx, fit: content", "for: plain, fit: page, ") == [("plain", "page")]


def test_a_run_has_neither_site_nor_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _sites(tmp_path, "", "", "{notebook: n.ipynb, for: sphinx}")
    assert "unknown key `for`; it belongs in `defaults` or a report" in caught.value.details
