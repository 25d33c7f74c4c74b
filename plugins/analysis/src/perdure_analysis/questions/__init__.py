"""Questions about the table, read by their form."""
