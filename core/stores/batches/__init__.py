"""Batches and their items: what is to be done, what runs, what became of each."""
