"""How parsing fails."""


class NotParsedError(Exception):
    """The text is no Python that we know; it counts as it is written."""
