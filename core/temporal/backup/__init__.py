"""Backing up an embedded home while it runs, and restoring it."""
