"""A Holdfast agent that extracts and summarises documents."""
