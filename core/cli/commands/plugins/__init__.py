"""The group ``perdure plugins``: what lists, checks and makes plugins."""
