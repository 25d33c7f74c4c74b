"""What a start, a step and a list cost with a million goals on record."""
