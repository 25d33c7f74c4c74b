"""Steps marked ``once`` that people settle: which step of its name it was, and who settled it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("intents", sa.Column("number", sa.Integer(), server_default="0", nullable=False))
    op.add_column("intents", sa.Column("settled_by", sa.Text(), nullable=True))
