"""The connection to a server: sending requests, repeating them, reading responses and errors."""
