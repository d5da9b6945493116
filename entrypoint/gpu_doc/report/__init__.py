"""From a template, or blocks in a text, to a report."""
