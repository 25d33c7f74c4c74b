"""Runs that were made from others: which one, from which step on, and by whom."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the index that finds the runs that were made from one."""
    op.add_column("goals", sa.Column("made_from", sa.String(length=200)))
    op.add_column("goals", sa.Column("made_from_step", PlainText))
    op.add_column("goals", sa.Column("made_by", PlainText))
    op.create_index(op.f("ix_goals_made_from"), "goals", ["made_from"])
