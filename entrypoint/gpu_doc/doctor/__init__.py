"""`gpu-doc doctor` and `gpu-doc clean`."""
