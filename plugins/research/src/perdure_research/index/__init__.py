"""Full-text search in what was read."""
