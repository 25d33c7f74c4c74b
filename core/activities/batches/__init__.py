"""What feeds batches: it starts their items, a few at a time, and takes in how they ended."""
