"""Executing an agent in memory: recorders around its run, faults injected into it."""
