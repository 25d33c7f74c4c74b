"""Sources: where they are, how they are fetched, and what is known of them."""
