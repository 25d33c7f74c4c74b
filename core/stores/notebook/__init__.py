"""The notebook that the runs of a tree of delegates share."""
