"""The door to GPUs: which are here, who holds them, and how an engine is asked for them."""
