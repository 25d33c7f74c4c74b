"""What the cells of a column are: numbers, dates and texts in all their forms."""
