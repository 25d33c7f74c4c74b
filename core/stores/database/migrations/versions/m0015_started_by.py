"""Who started a run is in its record, where lists and sums of many runs find it."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, as the audit table has it, and the indexes."""
    op.create_index(op.f("ix_audit_subject_number"), "audit", ["subject", "number"])
    op.add_column("goals", sa.Column("started_by", PlainText))
    op.execute(
        "UPDATE goals SET started_by = (SELECT audit.who FROM audit"
        " WHERE audit.subject = COALESCE(goals.root, goals.workflow_id)"
        " AND audit.action = 'goal.start' AND audit.status < 400"
        " ORDER BY audit.number LIMIT 1)"
    )
    op.create_index(
        op.f("ix_goals_started_by_tenant_started_at"),
        "goals",
        ["started_by", "tenant", "started_at"],
    )
