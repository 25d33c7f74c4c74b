"""Extracting documents: clean Markdown, their structure, and a summary of each."""
