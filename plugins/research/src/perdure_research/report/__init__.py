"""The answer written down."""
