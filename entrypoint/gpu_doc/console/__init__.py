"""Prints for people, and for the CI runner that reads the log."""
