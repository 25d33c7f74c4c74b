"""What a question asks: its kind, and the words that an answer must hold."""
