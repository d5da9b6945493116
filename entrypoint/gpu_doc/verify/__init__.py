"""Whether a report, its pictures, evidence and source agree, and where what it shows comes from."""
