"""Reading OpenDocument files: texts, presentations, spreadsheets."""
