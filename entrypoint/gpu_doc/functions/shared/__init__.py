"""Code that several template functions share: options, addresses, checks, and reading results."""
