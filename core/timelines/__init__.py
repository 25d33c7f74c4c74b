"""Timelines as pages and terminals draw them: the axis of time, and a row for each step."""
