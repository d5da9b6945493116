"""What is left of an older bar at the end of a newer one."""

from __future__ import annotations

import pytest

from gpu_doc.text.bars import end_of_bar


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a: 100%|##| 3/3 [00:01<00:00, 1.9it/s]t/s]", "a: 100%|##| 3/3 [00:01<00:00, 1.9it/s]"),
        ("100%|##| 3/3 [00:01<00:00, 1.9it/s]]  ", "100%|##| 3/3 [00:01<00:00, 1.9it/s]"),
        ("| 3/3 [00:01<00:00, 1.9it/s, x=[1, 2]]s]", "| 3/3 [00:01<00:00, 1.9it/s, x=[1, 2]]"),
        ("| 3/3 [00:01<00:00, 1.9it/s, x=[1, 2]]", None),
        ("| 3/3 [00:01<00:00, 1.9it/s] and so on", None),
        ("| 3/3 [00:01<00:00, 1.9it/s] [1]", None),
        ("| 3/3 [00:01<00:00, 1.9", None),
        ("[1] | a/b [c]d]", None),
        ("text]", None),
        ("", None),
    ],
)
def test_it_ends_where_its_bracket_is_closed(line: str, shown: str | None) -> None:
    assert line[: end_of_bar(line)] == (line if shown is None else shown)
