"""The plan: what would run, and why."""
