"""What a home remembers of plugins: which loaded well, and which one is being loaded."""
