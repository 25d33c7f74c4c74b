"""The notebooks that the runs of a tree of delegates share."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notebook_entries",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("key", PlainText, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", PlainText, nullable=False),
        sa.Column("token", sa.String(length=320), nullable=False),
        sa.Column("writer", sa.String(length=200), nullable=False),
        sa.Column("written_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_notebook_entries_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", "key", "version", name=op.f("pk_notebook_entries")),
    )
