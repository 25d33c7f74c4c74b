"""The events of runs: storing them, and following a run while others write."""
