"""Installed plugins: found, loaded so that none can hurt the others, and what they bring."""
