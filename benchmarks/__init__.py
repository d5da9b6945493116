"""Side by side with peers: each figure is a ratio against another tool, in the same run, on the same notebooks."""
