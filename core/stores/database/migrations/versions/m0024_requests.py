"""What is requested of goals under way has an index: workers look for it twice a second."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    requested = sa.text("request IS NOT NULL AND status = 'running'")
    op.create_index(
        op.f("ix_goals_request"),
        "goals",
        ["request"],
        sqlite_where=requested,
        postgresql_where=requested,
    )
