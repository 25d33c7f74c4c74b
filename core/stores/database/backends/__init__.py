"""The two databases: SQLite, written by groups of changes, and PostgreSQL."""
