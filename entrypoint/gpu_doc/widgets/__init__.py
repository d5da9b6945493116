"""Jupyter widgets, drawn from the state that an executed notebook keeps of them."""
