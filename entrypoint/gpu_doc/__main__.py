"""Where the program starts: `gpu-doc` and `python -m gpu_doc`.

What an interrupt ends before `cli.main` can catch it, while modules are still being imported, ends as quietly.
"""

from __future__ import annotations

import os
from typing import NoReturn

from gpu_doc import interrupts


def main() -> NoReturn:
    """Run the command line."""
    interrupts.heed()
    try:
        from gpu_doc.cli import main as cli

        cli.main()
    except SystemExit:
        # Python ends itself by SIGINT, whatever we say, where an interrupt once went through the exec() of a text, as
        # dataclasses use it; the next one makes it forget that (run_eval_code_obj in CPython's pythonrun.c).
        exec("")  # noqa: S102 - an empty text
        raise
    except KeyboardInterrupt:
        os._exit(130)  # nothing has begun; sys.exit would let Python print the traceback of half an import


if __name__ == "__main__":
    main()
