"""Finding what there is to read."""
