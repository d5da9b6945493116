"""What stands for an answer that is not known yet."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.exceptions import UndefinedError

from gpu_doc.report.template_values import Environment, Placeholder


def rendered(text: str, **given: Any) -> str:
    """Return the text that a template gives."""
    return Environment(undefined=StrictUndefined).from_string(text).render(given)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("text", ["{{ {'a': 1}[x] }}", "{{ [1][x] }}", "{{ 'a'[x] }}", "{{ ({'a': 1}[x]).b + 1 }}"])
def test_whatever_an_unknown_answer_may_select_is_unknown(text: str, truth: bool) -> None:  # noqa: FBT001 - a case
    assert rendered(text, x=Placeholder(truth=truth)) == "0"


@pytest.mark.parametrize("text", ["x|string", "x|upper", "x|int", "x|string|trim", "x|round(1)", "x|join"])
def test_what_a_filter_makes_of_an_unknown_answer_is_unknown(text: str) -> None:
    assert rendered(f"{{{{ {{'a': 1}}[{text}] }}}}", x=Placeholder(truth=True)) == "0"


def test_a_filter_that_is_called_wrongly_is_found_in_the_rehearsal() -> None:
    with pytest.raises(TypeError, match="required positional argument"):
        rendered("{{ x|replace }}", x=Placeholder(truth=True))


def test_what_is_not_defined_has_no_items_either() -> None:
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        rendered("{{ nothing[x] }}", x=Placeholder(truth=True))
