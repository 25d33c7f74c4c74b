"""Priorities of goals, and the slots that goals hold or wait for where those are limited."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("goals", sa.Column("priority", sa.Integer()))
    op.create_table(
        "goal_slots",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("agent_type", sa.String(length=64), nullable=False),
        sa.Column("pool", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("blocked_by", sa.String(length=140)),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("held_at", UtcDateTime(timezone=True)),
        sa.Column("worker", sa.String(length=96)),
        sa.Column("fence", sa.String(length=200)),
        sa.Column("wake_at", UtcDateTime(timezone=True)),
        sa.Column("wakes", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_goal_slots_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", name=op.f("pk_goal_slots")),
    )
    for columns in (
        ["blocked_by", "priority", "turn", "asked_at"],
        ["blocked_by", "priority", "tenant", "turn"],
        ["blocked_by", "tenant"],
        ["blocked_by", "agent_type"],
        ["blocked_by", "pool"],
    ):
        op.create_index(op.f(f"ix_goal_slots_{'_'.join(columns)}"), "goal_slots", columns)
