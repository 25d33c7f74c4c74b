"""Alembic's environment: runs the migrations on the connection of ``stores.database.migrate``."""

from alembic import context

from perdure.stores.database import access_schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=access_schema.api_keys.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
