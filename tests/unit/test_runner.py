from __future__ import annotations

from pathlib import Path

from gpu_doc.action.runner import preview_name
from gpu_doc.model.configuration import Config, Report


def name(*reports: str, config: str = "gpu-doc.yml", partial: bool = False) -> str:
    tree = Path("/tree")
    path = tree / config
    made = Config(path=path, root=path.parent, reports=tuple(Report(path=each, line=1) for each in reports))
    return preview_name(made, tree, partial=partial)


def test_a_preview_is_named_by_its_configuration_and_the_reports_that_were_chosen() -> None:
    assert name("docs/a.md", "docs/b.md") == "gpu-doc-preview.html"
    assert name("docs/a.md", config="papers/one/gpu-doc.yml") == "gpu-doc-preview-papers-one.html"
    assert name("docs/a.md", partial=True) == "gpu-doc-preview-docs-a.md.html"
    assert name("docs/a b.md", config="x.yml", partial=True) == "gpu-doc-preview-x-docs-a-b.md.html"
    two = {name("docs/a.md", other, partial=True) for other in ("docs/b.md", "docs/c.md")}
    assert len(two) == 2
    assert name("docs/a.md", "docs/b.md", partial=True) == name("docs/b.md", "docs/a.md", partial=True)
