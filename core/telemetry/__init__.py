"""What a process measures of itself, and how others get it."""
