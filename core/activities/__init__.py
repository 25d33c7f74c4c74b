"""The activities of a goal: prepare, execute, store, clean up."""
