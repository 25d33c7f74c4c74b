"""The words of questions and sources: tokens, stems, function words, words that mean the same."""
