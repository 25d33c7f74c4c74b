"""Processes that read what may break them down: they have limits, and harm nobody when they end."""
