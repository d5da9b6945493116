"""Prints the path of the Chromium that gpu-doc would drive here; ends with 5 where there is none."""

from __future__ import annotations

import os
import sys

from gpu_doc.errors import MachineError
from gpu_doc.pictures.chromium import find_chromium

try:
    print(find_chromium(os.environ.get("GPU_DOC_CHROMIUM"), os.environ))
except MachineError as missing:
    sys.exit(missing.exit_code)
