"""Lets the sealed details of the audit table be sealed anew, and nothing else of it be changed."""

from typing import Final

from alembic import op

revision = "0033"
down_revision = "0029"
branch_labels = None
depends_on = None

_OTHERS: Final = (
    *("number", "at", "who", "key_id", "address", "action", "subject", "status", "request_id"),
    "tenant",
)
# See stores/sealing/text.py: behind the second, which nothing sealed begins with, is plain text.
_SEALED, _PLAIN = "perdure-sealed:", "perdure-sealed:="


def upgrade() -> None:
    """Put a trigger that looks at the rows in place of one that refuses every update."""
    if op.get_bind().dialect.name == "sqlite":
        same = " AND ".join(f"OLD.{name} IS NEW.{name}" for name in _OTHERS)
        op.execute("DROP TRIGGER audit_refuses_update")
        op.execute(
            "CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit"
            f" WHEN NOT ({same} AND {_is_sealed('OLD')} AND {_is_sealed('NEW')})"
            " BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END"
        )
        return
    same = " AND ".join(f"OLD.{name} IS NOT DISTINCT FROM NEW.{name}" for name in _OTHERS)
    op.execute("DROP TRIGGER audit_refuses_change ON audit")
    op.execute(
        "CREATE TRIGGER audit_refuses_change BEFORE DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit FOR EACH ROW"
        f" WHEN (NOT ({same} AND {_is_sealed('OLD')} AND {_is_sealed('NEW')}))"
        " EXECUTE FUNCTION refuse_audit_change()"
    )


def _is_sealed(row: str) -> str:
    sealed = f"substr({row}.details, 1, {len(_SEALED)}) = '{_SEALED}'"
    return f"{sealed} AND substr({row}.details, 1, {len(_PLAIN)}) <> '{_PLAIN}'"
