"""What a model makes of a document; nothing of it is believed that the file does not say."""
