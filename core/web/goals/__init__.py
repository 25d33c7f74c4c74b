"""The page of one goal: what it shows, its files, what is done with it."""
