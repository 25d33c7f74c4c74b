"""Writing a document as Markdown, and as JSON for programs."""
