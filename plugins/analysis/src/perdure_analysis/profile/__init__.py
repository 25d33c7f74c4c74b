"""What a table is like: its columns, relations, trends, findings and charts."""
