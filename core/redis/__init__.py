"""Redis, which processes share for speed alone: what is kept there may be gone at any time."""
