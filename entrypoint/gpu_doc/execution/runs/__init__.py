"""Executes runs, and explains why one failed."""
