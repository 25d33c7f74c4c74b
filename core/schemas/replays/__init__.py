"""What is on record of a run for its replay, and what a replay has found."""
