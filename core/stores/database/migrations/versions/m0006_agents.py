"""The agents that workers have: a goal of one that is missing for now waits, others fail."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table, with those that have ever run."""
    op.create_table(
        "agents",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("agent_version", sa.String(length=200), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_agents")),
    )
    op.execute(
        "INSERT INTO agents (name, agent_version, seen_at)"
        " SELECT agent_type, max(agent_version), max(started_at) FROM goals"
        " WHERE agent_version IS NOT NULL AND agent_version <> '' GROUP BY agent_type"
    )
