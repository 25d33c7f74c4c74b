"""Lists of one agent's goals have an index: without it they read every goal, where it has few."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        op.f("ix_goals_agent_type_tenant_started_at"),
        "goals",
        ["agent_type", "tenant", "started_at"],
    )
