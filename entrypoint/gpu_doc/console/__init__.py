"""What is printed, and how: for people, and for the runner that reads a log."""
