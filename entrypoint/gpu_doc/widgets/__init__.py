"""Draws Jupyter widgets from the state that an executed notebook keeps of them."""
