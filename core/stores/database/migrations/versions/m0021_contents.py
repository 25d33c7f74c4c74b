"""Which contents are stored, so that those can be deleted that nothing refers to any more.

Large values of steps are among them.
"""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with the contents of the files that runs have made, and what refers to it."""
    op.create_table(
        "contents",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("used_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("deleting_at", UtcDateTime(timezone=True)),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_contents")),
    )
    op.execute(
        "INSERT INTO contents (digest, size, used_at)"
        " SELECT digest, max(size), max(stored_at) FROM artifacts GROUP BY digest"
    )
    op.create_index(op.f("ix_contents_used_at"), "contents", ["used_at"])
    op.create_index(op.f("ix_uploads_digest"), "uploads", ["digest"])
    op.add_column("steps", sa.Column("content", sa.String(length=71)))
    op.add_column("steps", sa.Column("content_size", sa.BigInteger()))
    # Few steps have one.
    has_content = sa.text("content IS NOT NULL")
    op.create_index(
        op.f("ix_steps_content"),
        "steps",
        ["content"],
        sqlite_where=has_content,
        postgresql_where=has_content,
    )
