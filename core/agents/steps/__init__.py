"""Journaled steps: keys, execution, retries, errors, and the protocols of what keeps them."""
