"""What the agents of all workers are for and take, so that others can delegate to them."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("agents", sa.Column("description", sa.Text()))
