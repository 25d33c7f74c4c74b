"""Scores of runs, and the daily sums of what runs had used that were deleted.

What runs have used that are there is not copied: it is summed up from their rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_COUNTS = ("goals", "completed", "failed", "cancelled", "terminated")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "scores",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("step", PlainText, nullable=False),
        sa.Column("by", PlainText, nullable=False),
        sa.Column("by_agent", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Float()),
        sa.Column("label", PlainText),
        sa.Column("comment", PlainText, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_scores_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "workflow_id", "name", "step", "by", "by_agent", name=op.f("pk_scores")
        ),
    )
    op.create_index(op.f("ix_scores_tenant_at"), "scores", ["tenant", "at"])
    op.create_table(
        "daily_sums",
        *_keys(),
        *(_number(name) for name in _COUNTS),
        _number("seconds", sa.Float()),
        _number("requests"),
        _number("unpriced"),
        *(
            _number(f"{what}_{part}", sa.Float() if part == "cost" else sa.BigInteger())
            for what in ("spent", "thrown", "saved")
            for part in ("input", "output", "cost")
        ),
        sa.PrimaryKeyConstraint(
            "day", "tenant", "agent_type", "started_by", name=op.f("pk_daily_sums")
        ),
    )
    op.create_table(
        "daily_scores",
        *_keys(),
        sa.Column("name", sa.String(length=64), nullable=False),
        _number("count"),
        _number("numbers"),
        _number("total", sa.Float()),
        sa.PrimaryKeyConstraint(
            "day", "tenant", "agent_type", "started_by", "name", name=op.f("pk_daily_scores")
        ),
    )


def _keys() -> list[sa.Column[Any]]:
    return [
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("agent_type", sa.String(length=64), nullable=False),
        sa.Column("started_by", PlainText, nullable=False),
    ]


def _number(name: str, kind: Any = None) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger() if kind is None else kind, nullable=False)
