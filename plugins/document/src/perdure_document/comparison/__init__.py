"""Comparing two versions of a document: a redline for people, changes for programs."""
