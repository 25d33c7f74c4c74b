"""The words of questions: columns, values, periods, and what to reckon."""
