"""The events of a run on their way to its readers: of its steps, and of the tools models call."""
