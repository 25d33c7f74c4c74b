"""A Perdure agent that answers questions from sources, with numbered citations."""
