"""The database that a table is read into, and how figures leave it."""
