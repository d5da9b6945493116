"""Decides whose code is checked out, and what it may do here."""
