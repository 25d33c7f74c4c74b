"""Text files: their encoding, plain text, Markdown."""
