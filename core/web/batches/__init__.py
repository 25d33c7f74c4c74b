"""The pages of batches: which there are, one with its items, and what is done with it."""
