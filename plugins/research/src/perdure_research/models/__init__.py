"""Answers with a model: it plans, searches and writes, and nothing of it is believed unchecked."""
