"""The table of notebooks."""

from typing import Final

from sqlalchemy import Column, Integer, String, Table

from perdure.stores.database.columns import PlainText, UtcDateTime, run_column, tenant_column
from perdure.stores.database.schema import metadata
from perdure.stores.sealing.columns import SealedText

# By the run at the top of the tree. Each version is a row: writing one is an insert, which fails
# for whoever comes second.
notebook_entries: Final = Table(
    "notebook_entries",
    metadata,
    run_column(),
    Column("key", PlainText, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", SealedText("notebook_entries.value"), nullable=False),
    Column("token", String(320), nullable=False),
    Column("writer", String(200), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    tenant_column(),
)
