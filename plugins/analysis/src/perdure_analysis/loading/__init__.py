"""Loads a source, a file or a table of a database, into the database."""
