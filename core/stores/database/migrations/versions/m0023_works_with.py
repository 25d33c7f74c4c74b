"""With which earlier tables a version must have been made to work with these as well."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("installation", sa.Column("works_with", sa.String(length=8)))
