"""What digests of words are keyed with, once the stores are encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is filled by the first process that has keys."""
    op.add_column("installation", sa.Column("secret", sa.Text()))
