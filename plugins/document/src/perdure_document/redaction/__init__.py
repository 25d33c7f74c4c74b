"""Taking text out of documents for good: it is gone from the bytes of what is delivered."""
