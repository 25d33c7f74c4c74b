"""Schedules in requests and answers."""
