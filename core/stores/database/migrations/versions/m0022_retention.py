"""What is kept whatever its age, what is being deleted, and what one worker at a time does."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "holds",
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("by", PlainText, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "workflow_id", name=op.f("pk_holds")),
    )
    op.create_table(
        "deletions",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("begun_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_deletions_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", name=op.f("pk_deletions")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_idempotency_keys_given_at"), "idempotency_keys", ["given_at"])
