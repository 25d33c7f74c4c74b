"""Temporal: its server, its workers and its clients, and the installation that runs all three."""
