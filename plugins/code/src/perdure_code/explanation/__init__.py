"""What a repository consists of, and what the goal asks about, without a model."""
