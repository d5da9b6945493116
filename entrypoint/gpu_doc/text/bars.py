"""Progress bars that were written over longer ones: tqdm fills up with blanks only what the same bar had written."""

from __future__ import annotations

import re

_METER = re.compile(r"\| *[^\s|/]{1,30}/[^\s|/]{1,30} \[\d{1,5}(?::\d\d){1,2}<")


def end_of_bar(line: str) -> int:
    """Return where the end of an older bar begins that a line still shows, as in `3/3 [00:01<00:00, 2it/s]t/s]`.

    It is the line's own end where there is none. That a bracket is closed which nothing has opened tells it.
    """
    meter = _METER.search(line)
    if meter is None:
        return len(line)
    open_brackets = 0
    for place in range(line.index("[", meter.start()), len(line)):
        open_brackets += {"[": 1, "]": -1}.get(line[place], 0)
        if open_brackets == 0:
            rest = line[place + 1 :].rstrip()
            return place + 1 if rest.endswith("]") and "[" not in rest else len(line)
    return len(line)
