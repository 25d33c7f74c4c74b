"""The Python environments that tests run in: the repository's own, a fresh one, the worker's."""
