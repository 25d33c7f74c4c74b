"""Finding goals by the words in them."""
