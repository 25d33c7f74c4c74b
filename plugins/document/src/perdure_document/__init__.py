"""A Perdure agent that extracts and summarises documents."""
