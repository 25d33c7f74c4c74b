"""A tenant on whatever is listed, reused or limited; what exists is the default one's."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("goals", "approvals", "spending", "totals", "metrics", "artifacts")
# The columns before and after.
_INDEXES: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "goals": [
        (("started_at",), ("tenant", "started_at")),
        # The status first: housekeeping looks for statuses of all tenants.
        (("status", "started_at"), ("status", "tenant", "started_at")),
        (("goal_id",), ("tenant", "goal_id", "started_at")),
    ],
    "approvals": [(("asked_at",), ("tenant", "asked_at"))],
    "metrics": [(("name", "agent_type"), ("tenant", "name", "agent_type"))],
}
_KEYS = {"idempotency_keys": "key", "responses": "digest"}


def upgrade() -> None:
    """Add the column, and put it into the keys and indexes that reuse and list."""
    for table in _TABLES:
        op.add_column(table, _tenant())
    for table, indexes in _INDEXES.items():
        for before, after in indexes:
            op.drop_index(_index(table, before), table)
            op.create_index(_index(table, after), table, list(after))
    for table, key in _KEYS.items():
        name = op.f(f"pk_{table}")
        with op.batch_alter_table(table) as batch:
            batch.add_column(_tenant())
            batch.drop_constraint(name, type_="primary")
            batch.create_primary_key(name, ["tenant", key])


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False)


def _index(table: str, columns: tuple[str, ...]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")
