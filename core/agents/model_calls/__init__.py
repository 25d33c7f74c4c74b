"""Requests to models: each one a journaled step, budgeted, retried, and paid once."""
