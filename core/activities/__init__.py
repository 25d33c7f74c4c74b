"""The three activities of a goal: prepare, execute, store."""
