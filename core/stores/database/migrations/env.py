"""Alembic's environment: runs the migrations on the connection of ``stores.database.migrate``."""

from alembic import context

from perdure.stores.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
