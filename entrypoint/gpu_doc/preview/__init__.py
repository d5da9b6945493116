"""The preview of changed reports: one page with pictures before and after, and the reports as HTML."""
