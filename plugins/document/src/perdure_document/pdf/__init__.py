"""Reading PDFs: their pages as lines, and what the lines make."""
