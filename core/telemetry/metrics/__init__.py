"""Metrics: their bounds, what records them, how they are shown and exported."""
