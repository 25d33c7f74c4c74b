"""What is done around every activity of a worker."""
