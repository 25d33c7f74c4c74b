"""What stands on a page of a PDF, and in which order."""
