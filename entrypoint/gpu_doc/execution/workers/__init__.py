"""Processes that each drive one run at a time."""
