"""Which requests are the same request on a later pass."""
