"""Pools of workers: which one runs a goal, runs an agent's goals, and a worker belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("goals", sa.Column("pool", sa.String(length=64)))
    op.add_column("agents", sa.Column("pool", sa.String(length=64)))
    pool = sa.Column("pool", sa.String(length=64), server_default="default", nullable=False)
    op.add_column("workers", pool)
