"""GitHub: the event of a workflow run, and the API."""
