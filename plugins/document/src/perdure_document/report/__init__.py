"""What people and programs read of what was done: web pages, JSON and its schema."""
