"""The programs that are compared, each in an environment of its own."""
