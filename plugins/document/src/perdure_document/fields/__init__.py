"""Filling a JSON schema from a document, each value with the place and the words it comes from."""
