"""Batches: handing them in, controlling them, and the worker that feeds them."""
