"""Scaffolds for authors: data that ``holdfast plugins new`` copies, no code of ours."""
