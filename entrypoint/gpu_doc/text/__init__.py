"""Text that people read: Markdown, escaping, units, and terminals."""
