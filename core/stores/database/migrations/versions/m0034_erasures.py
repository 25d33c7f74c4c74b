"""Who was erased when, and with which program each request was made."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0034"
down_revision = "0029"
branch_labels = None
depends_on = None

_KEPT = ("number", "at", "key_id", "action", "status", "request_id", "tenant")
_UNDER_WAY = (
    "SELECT 1 FROM audit_erasures"
    " WHERE audit_erasures.tenant = OLD.tenant AND audit_erasures.ended_at IS NULL"
)
_REFUSE = "the audit table is append-only"


def upgrade() -> None:
    """Let names go from the audit table while somebody is being erased, and nothing else."""
    op.add_column("audit", sa.Column("client", PlainText(), server_default="", nullable=False))
    op.create_table(
        "audit_erasures",
        sa.Column("pseudonym", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("began_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True)),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_audit_erasures")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _protect_on_sqlite()
    else:
        _protect_on_postgresql()


def _protect_on_sqlite() -> None:
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _KEPT)
    op.execute("DROP TRIGGER audit_refuses_update")
    op.execute(
        f"CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit WHEN {changed}"
        f" OR NOT EXISTS ({_UNDER_WAY}) BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
    )


def _protect_on_postgresql() -> None:
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _KEPT)
    op.execute("DROP TRIGGER audit_refuses_change ON audit")
    op.execute(
        "CREATE TRIGGER audit_refuses_change BEFORE DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_audit_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {changed} OR NOT EXISTS ({_UNDER_WAY})"
        f" THEN RAISE EXCEPTION '{_REFUSE}'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit"
        " FOR EACH ROW EXECUTE FUNCTION refuse_audit_update()"
    )
