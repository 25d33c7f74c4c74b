"""The tasks with a model: what it may read and change, and how all that it gives is checked."""
