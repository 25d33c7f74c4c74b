"""Summarising a document by its own sentences."""
