"""Turns exhibits into pages, and pages into pictures."""
