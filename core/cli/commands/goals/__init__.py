"""The group ``perdure goals``: what lists, shows, controls and retries goals."""
