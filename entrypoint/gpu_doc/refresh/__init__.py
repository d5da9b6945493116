"""Refreshes reports, from the plan to publishing."""
