"""What a model changes: files over those of the repository, each edit checked."""
