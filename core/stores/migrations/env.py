"""What Alembic runs: the migrations, on the connection :mod:`perdure.stores.migrate` gives."""

from alembic import context

from perdure.stores.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
