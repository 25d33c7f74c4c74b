"""The report: its Markdown, the answers in it, and the page that holds all in one file."""
