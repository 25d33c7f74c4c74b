"""Schedules of goals, which Temporal keeps and fires."""
