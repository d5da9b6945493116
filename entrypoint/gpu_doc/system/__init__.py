"""The machine below us: processes, temporary folders, the Python that kernels run in."""
