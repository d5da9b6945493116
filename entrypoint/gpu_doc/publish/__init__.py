"""What leaves a refresh: files in the checkout, commits, pull requests."""
