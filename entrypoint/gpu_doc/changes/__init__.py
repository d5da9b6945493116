"""What a reader of the reports sees changed between two sides."""
