"""The tables of what is kept, and of what is being deleted."""

from typing import Final

from sqlalchemy import Column, Index, String, Table

from perdure.stores.database.columns import (
    PlainText,
    UtcDateTime,
    run_column,
    tenant_column,
)
from perdure.stores.database.schema import idempotency_keys, metadata
from perdure.stores.sealing.columns import SealedText

WHOLE_TENANT: Final = ""

# What is kept whatever its age. Of a whole tenant the workflow id is empty.
holds = Table(
    "holds",
    metadata,
    tenant_column(primary_key=True),
    Column("workflow_id", String(200), primary_key=True),
    Column("by", PlainText, nullable=False),
    Column("reason", SealedText("holds.reason"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# The runs whose deletion has begun: part of their journal may be gone.
deletions = Table(
    "deletions", metadata, run_column(), Column("begun_at", UtcDateTime, nullable=False)
)

# What one process at a time does.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

Index("ix_idempotency_keys_given_at", idempotency_keys.c.given_at)
