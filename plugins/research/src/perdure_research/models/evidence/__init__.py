"""Whether the words of sources bear out a sentence that a model wrote."""
