"""Finds the changes between two sides that a reader of the reports sees."""
