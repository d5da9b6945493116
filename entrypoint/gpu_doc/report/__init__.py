"""Makes a report from its template, or from blocks in a text."""
