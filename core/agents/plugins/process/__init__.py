"""What a plugin does to its process while it is loaded: seen, undone where possible, and told."""
