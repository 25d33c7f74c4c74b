"""What other people's tools make of the same files."""
