"""What runs with the Python of the user's image or environment: standard library only, Python 3.8 or newer."""
