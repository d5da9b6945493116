"""Runs at work, and why one failed."""
