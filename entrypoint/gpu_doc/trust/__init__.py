"""Whose code is checked out, and what it may do here."""
