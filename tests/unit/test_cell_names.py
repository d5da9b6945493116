"""What a code cell is called: the one rule, and that plan, run and messages follow it."""

from __future__ import annotations

import pytest

from gpu_doc.notebooks.names import cell_name, cell_numbers, is_name, label, own_name


@pytest.mark.parametrize(
    ("tags", "labelled", "name"),
    [
        (["loss-curve"], "", "loss-curve"),
        (["hide-input", "loss-curve"], "", "loss-curve"),
        (["loss-curve", "hide-input"], "fig-loss", "loss-curve"),
        (["first", "second"], "", "first"),
        (["hide-input"], "fig-loss", "fig-loss"),
        (["hide-input"], "", ""),
        ([], "fig-loss", "fig-loss"),
        ([], "", ""),
        (["parameters"], "", "parameters"),
        (["parameters"], "setup", "setup"),
        (["parameters", "setup"], "", "setup"),
        (["injected-parameters"], "setup", "injected parameters"),
        (["papermill-error-cell-tag", "train"], "", "train"),
    ],
)
def test_a_cell_has_one_name(tags: list[str], labelled: str, name: str) -> None:
    assert own_name(tags, labelled) == name
    source = f"#| label: {labelled}\nplot()" if labelled else "plot()"
    assert cell_name({"cell_type": "code", "metadata": {"tags": tags}, "source": source}) == name


@pytest.mark.parametrize(
    "tag",
    [
        *("parameters", "injected-parameters", "papermill-error-cell-tag"),  # papermill
        *("hide-input", "hide-output", "hide-cell", "hide_input", "hide_code"),  # Jupyter Book, old and new
        *("remove-input", "remove-output", "remove-cell", "remove_cell", "remove-stdout", "remove-stderr"),
        *("remove_all_outputs", "full-width", "full_width", "margin", "popout", "scroll-output", "output_scroll"),
        *("raises-exception", "skip-execution", "no-execute", "keep_output", "thebe-init"),
        *("nbval-ignore-output", "nbval-skip", "nbsphinx-thumbnail", "nbsphinx-gallery"),
    ],
)
def test_tags_for_tools_are_no_names(tag: str) -> None:
    assert not is_name(tag)


@pytest.mark.parametrize(
    "tag", ["remove-outliers", "full-model", "output-layer", "hide-and-seek", "parameters-table", "margins", "#1"]
)
def test_tags_that_only_look_like_it_are_names(tag: str) -> None:
    assert is_name(tag)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("#| label: a-b\nx", "a-b"),
        ("#|label: a\nx", "a"),
        ("#| label : a\nx", "a"),
        ("#| label: 'my fig'", "my fig"),
        ('#| label: "my fig"', "my fig"),
        ("#| label: my fig  \nx", "my fig"),
        ("#| label: 'it''s'", "it's"),
        ('#| label: "a \\"b\\" \\u00e9"', 'a "b" é'),
        ('#| label: "a\\qb"', "a\\qb"),
        ("#| label: a # for the paper", "a"),
        ("#| label: 'a # b' # for the paper", "a # b"),
        ("#| label: a#b", "a#b"),
        ("#| label: fig:loss", "fig:loss"),
        ("#| 'label': a", "a"),
        ("#| label: 1e-4", "1e-4"),
        ("#| label: '1'", "1"),
        ("#| label: on", "on"),
        ("#| label:", ""),
        ("#| label: ~", ""),
        ("#| label: null", ""),
        ("#| label: ''", ""),
        ("#| label: # none yet", ""),
        ("#| label:a", ""),
        ("#| label: >-\n#|   my\n#|   fig\n#| echo: false", "my fig"),
        ("#| label:\n#|   fig-loss\n#| echo: false", "fig-loss"),
        ("#| echo: false\n#| label: a\nx", "a"),
        ("#| fig-cap: Loss: over time\n#| label: a", "a"),
        ("#| fig-cap: |\n#|   Shown\n#|   label: wrong\n#| label: a", "a"),
        ("#| layout:\n#|   label: wrong\n#| label: a", "a"),
        ("#| layout:\n#|   label: wrong\nx", ""),
        ("#| tbl-label: wrong\n#| label: a", "a"),
        ("#| label: a\n#| label: b", "a"),
        ("\n#| echo: false\n\n#| label:  a\nx", "a"),
        ("  #| label: a", "a"),
        ("%%bash\n#| label: a", "a"),
        ('//| label: "a"', "a"),
        ("--| label: a", "a"),
        ("%| label: a", "a"),
        ("x = 1\n#| label: a", ""),
        ("# label: a", ""),
        ("#| label: a\r\nx", "a"),
        ("", ""),
    ],
)
def test_labels_are_yaml_at_the_head(source: str, name: str) -> None:
    assert label(source) == name


def test_only_code_cells_of_the_author_are_counted() -> None:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": ""},
        {"cell_type": "markdown", "metadata": {"tags": ["a"]}, "source": ""},
        {"cell_type": "code", "metadata": {"tags": ["injected-parameters"]}, "source": ""},
        {"cell_type": "code", "metadata": {"tags": ["hide-input"]}, "source": ""},
    ]
    assert cell_numbers(cells) == [1, None, None, 2]
