"""What commands print: event text, live and plain views, results, tables, JSON."""
