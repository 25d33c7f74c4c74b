"""What the notebook of a tree of runs is shown as."""
