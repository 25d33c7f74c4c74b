"""The small edits: each module yields those of one kind for a statement."""
