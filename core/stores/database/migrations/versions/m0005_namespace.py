"""Which Temporal namespace the stores belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty until something connects the stores with a server."""
    op.add_column("installation", sa.Column("namespace", sa.Text(), nullable=True))
    op.add_column("installation", sa.Column("namespace_id", sa.String(length=64), nullable=True))
    op.add_column("installation", sa.Column("server", sa.Text(), nullable=True))
