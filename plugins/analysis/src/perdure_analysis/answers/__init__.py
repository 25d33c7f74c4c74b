"""Answers to questions: SQL, the rows it yields, and sentences about them."""
