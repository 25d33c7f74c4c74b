"""What a model says of code, as far as the code bears it out."""
