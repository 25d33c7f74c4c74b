"""Imports one plugin, within its time and without harm to the process, and finds its hooks."""
