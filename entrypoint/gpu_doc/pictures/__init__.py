"""Exhibits to pages, pages to pictures."""
