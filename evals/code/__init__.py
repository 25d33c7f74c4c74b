"""Whether the code agent finds and mends faults, and does no harm."""
