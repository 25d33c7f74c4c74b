"""Documents that the document agent reads, where it is installed."""
