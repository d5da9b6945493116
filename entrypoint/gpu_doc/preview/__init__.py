"""The preview of changed reports: sides that are compared, pictures inside the page, reports as HTML."""
