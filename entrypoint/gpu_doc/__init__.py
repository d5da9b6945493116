"""Live, checkable technical documents about GPU work."""

__version__ = "0.1.0"
