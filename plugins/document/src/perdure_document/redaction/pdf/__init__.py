"""Redacting PDFs: pages that say the text are made anew, everything beside pages is left out."""
