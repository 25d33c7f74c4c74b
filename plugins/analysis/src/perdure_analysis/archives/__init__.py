"""Files inside compressed files and archives."""
