"""Assembling one report of several documents."""
