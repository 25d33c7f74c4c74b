"""Requests to models: each one a journaled step, counted, retried, and paid once."""
