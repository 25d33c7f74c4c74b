"""Forms: their fields from an agent's schema, what was sent, and who may send it."""
