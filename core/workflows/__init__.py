"""Temporal workflows: deterministic, and they know agents only by name."""
