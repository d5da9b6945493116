"""What several template functions use: their options, addresses, checks, and how they read results."""
