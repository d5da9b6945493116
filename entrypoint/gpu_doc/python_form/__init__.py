"""A canonical form of Python source: the same for two texts that differ only in how they are written."""
