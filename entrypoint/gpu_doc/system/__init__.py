"""The machine: processes, temporary folders, the Python that kernels run in."""
