"""Traces: how a goal's spans hang together, what records and exports them."""
