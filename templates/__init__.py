"""Scaffolds for authors: data that ``perdure plugins new`` copies, no code of ours."""
