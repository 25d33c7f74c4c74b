"""Lets the audit table's sealed details be sealed anew, and names go from it; nothing else."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# What an erasure leaves as it is, and what sealing anew does.
_KEPT: Final = ("number", "at", "key_id", "action", "status", "request_id", "tenant")
_OTHERS: Final = (*_KEPT, "who", "address", "subject", "client")
# See stores/sealing/text.py: behind the second, which nothing sealed begins with, is plain text.
_SEALED, _PLAIN = "perdure-sealed:", "perdure-sealed:="
_UNDER_WAY: Final = (
    "SELECT 1 FROM audit_erasures"
    " WHERE audit_erasures.tenant = OLD.tenant AND audit_erasures.ended_at IS NULL"
)
_REFUSE: Final = "the audit table is append-only"


def upgrade() -> None:
    """Add who was erased, and with which program each request was made; look at each update."""
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
    op.execute("DROP TRIGGER audit_refuses_update")
    op.execute(
        "CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit"
        f" WHEN NOT ({_allowed('IS')}) BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
    )


def _protect_on_postgresql() -> None:
    op.execute("DROP TRIGGER audit_refuses_change ON audit")
    op.execute(
        "CREATE TRIGGER audit_refuses_change BEFORE DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_audit_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NOT ({_allowed('IS NOT DISTINCT FROM')})"
        f" THEN RAISE EXCEPTION '{_REFUSE}'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit"
        " FOR EACH ROW EXECUTE FUNCTION refuse_audit_update()"
    )


def _allowed(equals: str) -> str:
    """Return the condition under which a row may be changed."""

    def same(columns: tuple[str, ...]) -> str:
        return " AND ".join(f"OLD.{column} {equals} NEW.{column}" for column in columns)

    sealed_anew = f"{same(_OTHERS)} AND {_is_sealed('OLD')} AND {_is_sealed('NEW')}"
    return f"({sealed_anew}) OR ({same(_KEPT)} AND EXISTS ({_UNDER_WAY}))"


def _is_sealed(row: str) -> str:
    sealed = f"substr({row}.details, 1, {len(_SEALED)}) = '{_SEALED}'"
    return f"{sealed} AND substr({row}.details, 1, {len(_PLAIN)}) <> '{_PLAIN}'"
