"""Runs, from a plan to what they left."""
