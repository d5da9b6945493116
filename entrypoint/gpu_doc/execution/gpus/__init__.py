"""GPUs: which are here, which runs hold them, and how to request them from an engine."""
