"""Schedules: goals that are started again and again, by the clock."""
