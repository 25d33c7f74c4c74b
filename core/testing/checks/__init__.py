"""The checks of ``perdure plugins check``."""
