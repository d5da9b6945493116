"""What is kept of a run: what it was made of, its result, and the evidence beside a report."""
