"""Working with a model: its tools, its rounds, and when they end."""
