"""Judges claims: conditions on values, and numbers in a person's own sentences."""
