"""Judging what a run is about to do by the installation's policy."""
