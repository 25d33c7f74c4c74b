"""Web pages: what people see of them, in reading order."""
