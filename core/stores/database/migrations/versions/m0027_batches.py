"""Batches and their items."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COUNTS = ("waiting", "running", "completed", "failed", "cancelled", "invalid")


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("budget_cost", sa.Float()),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _COUNTS),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("ended_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True)),
        sa.Column("fed_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
    )
    op.create_index("ix_batches_tenant_name", "batches", ["tenant", "name"], unique=True)
    for columns in (["tenant", "created_at"], ["status", "fed_at"]):
        op.create_index(op.f(f"ix_batches_{'_'.join(columns)}"), "batches", columns)
    op.create_table(
        "batch_items",
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("item_key", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("workflow_id", sa.String(length=200)),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retried_from", UtcDateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True)),
        sa.Column("ended_at", UtcDateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.batch_id"],
            name=op.f("fk_batch_items_batch_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_batch_items")),
    )
    op.create_index(
        "ix_batch_items_batch_id_digest", "batch_items", ["batch_id", "digest"], unique=True
    )
    for columns in (["batch_id", "status", "number"], ["workflow_id"]):
        op.create_index(op.f(f"ix_batch_items_{'_'.join(columns)}"), "batch_items", columns)
