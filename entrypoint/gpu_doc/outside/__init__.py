"""Whom we ask: one module per outside tool, the only one that imports it."""
