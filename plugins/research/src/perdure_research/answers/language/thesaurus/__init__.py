"""Words of the same meaning, opposites, and phrases that stand for a word, by language."""
