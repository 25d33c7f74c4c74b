"""Answers: which sentences answer a question, and where they stand."""
