"""Alembic's migrations of the stores' schema."""
