"""Fetching from the web on behalf of goals that anybody may have written."""
