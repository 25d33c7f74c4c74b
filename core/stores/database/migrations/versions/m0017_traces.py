"""Where a run stands in its trace."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("goals", sa.Column("trace", sa.String(length=640)))
