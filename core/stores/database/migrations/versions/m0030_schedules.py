"""Goals that a schedule has started say which one, for which time, and what follows them."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the index that the goals of a schedule are listed by."""
    op.add_column("goals", sa.Column("schedule", sa.String(length=64)))
    op.add_column("goals", sa.Column("scheduled_at", UtcDateTime(timezone=True)))
    op.add_column("goals", sa.Column("following", sa.Text()))
    op.create_index(
        op.f("ix_goals_schedule_tenant_started_at"), "goals", ["schedule", "tenant", "started_at"]
    )
