"""Reading: from bytes to blocks of text."""
