"""The group ``perdure encryption``."""
