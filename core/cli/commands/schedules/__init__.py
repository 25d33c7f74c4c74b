"""The group ``perdure schedules``."""
