"""Where the program starts: `gpu-doc` and `python -m gpu_doc`.

What an interrupt ends before `cli.main` can catch it, while modules are still being imported, ends as quietly.
"""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    try:
        from gpu_doc import cli
    except KeyboardInterrupt:
        os._exit(130)  # nothing has begun; sys.exit would let Python print the traceback of half an import
    cli.main()


if __name__ == "__main__":
    main()
