"""What each template function gives."""
