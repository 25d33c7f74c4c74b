"""What exactly is answered: figures, dates, names, yes or no; and whether two answers agree."""
