"""Executes an agent over the record of a run, without any effect, and compares the two."""
