"""The tables of batches and their items."""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from perdure.stores.database.columns import UtcDateTime, tenant_column
from perdure.stores.database.schema import metadata
from perdure.stores.sealing.columns import SealedText

COUNTS: Final = ("waiting", "running", "completed", "failed", "cancelled", "invalid")

# The counts are changed with the items, in one transaction: to count a million takes a second.
batches = Table(
    "batches",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    tenant_column(),
    Column("name", String(80), nullable=False),
    Column("settings", SealedText("batches.settings"), nullable=False),
    # Of the settings, which are sealed.
    Column("budget_cost", Float),
    Column("digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTS),
    Column("cost", Float, nullable=False, server_default="0"),
    # What had ended, and failed, when it was started or resumed last: the rate, and the failures
    # after which it stops, count from there.
    Column("ended_before", BigInteger, nullable=False, server_default="0"),
    Column("failed_before", BigInteger, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # When a worker looked after it last: one that nobody looks after is started again.
    Column("fed_at", UtcDateTime, nullable=False),
    Index("ix_batches_tenant_name", "tenant", "name", unique=True),
    Index(None, "tenant", "created_at"),
    Index(None, "status", "fed_at"),
)

# The key and the content are people's words: what is compared are their digests.
batch_items = Table(
    "batch_items",
    metadata,
    Column(
        "batch_id", String(64), ForeignKey("batches.batch_id", ondelete="CASCADE"), primary_key=True
    ),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("item_key", SealedText("batch_items.item_key"), nullable=False),
    Column("content", SealedText("batch_items.content"), nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("workflow_id", String(200)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When the run had ended that is being retried: an end at that time is not the retry's.
    Column("retried_from", UtcDateTime),
    Column("error", SealedText("batch_items.error")),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Index("ix_batch_items_batch_id_digest", "batch_id", "digest", unique=True),
    Index(None, "batch_id", "status", "number"),
    Index(None, "workflow_id"),
)
