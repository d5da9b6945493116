"""`python -m gpu_doc` is `gpu-doc`."""

from gpu_doc.cli import main

main()
