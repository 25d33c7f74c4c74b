"""The agents tried on files and questions whose right answers are known."""
