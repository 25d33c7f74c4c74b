"""What monitors an installation: whether it lives, whether it is ready, its metrics."""
