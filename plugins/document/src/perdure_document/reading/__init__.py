"""Reading a file of any kind but PDF as a document, and recognising which kind it is."""
