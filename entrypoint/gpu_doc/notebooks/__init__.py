"""Notebooks: the one reader of their files, and their cells."""
