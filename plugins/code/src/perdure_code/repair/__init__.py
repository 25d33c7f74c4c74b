"""Mending a fault without a model: small edits that the tests then prove."""
