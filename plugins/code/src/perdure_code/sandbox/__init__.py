"""Running programs that nobody here wrote."""
