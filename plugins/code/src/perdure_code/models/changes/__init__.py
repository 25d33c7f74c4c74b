"""What a model changes in code, and what the tests prove of it."""
