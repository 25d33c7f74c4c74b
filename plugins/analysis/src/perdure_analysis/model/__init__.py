"""Questions answered with a model: it writes the query, and nothing of it is believed unchecked."""
