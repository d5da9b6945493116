"""The records of runs: fingerprints, results in state, and the evidence beside a report."""
