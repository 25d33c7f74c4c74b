"""The audit trail: facts, the seals over them, and the salts of those whom they are about."""

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import PlainText, UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; facts are append-only but for what a cut covers, whoever writes to them."""
    op.add_column("goals", sa.Column("audit_salt", sa.String(length=32)))
    op.create_table(
        "audit_facts",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", PlainText(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        _tenant(),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_facts")),
        sqlite_autoincrement=True,
    )
    for column in ("tenant", "subject"):
        op.create_index(op.f(f"ix_audit_facts_{column}_number"), "audit_facts", [column, "number"])
    op.create_table(
        "audit_seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("anchored_at", UtcDateTime(timezone=True)),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seals")),
    )
    op.create_index(
        op.f("ix_audit_seals_anchored_at_number"), "audit_seals", ["anchored_at", "number"]
    )
    op.create_index(op.f("ix_audit_seals_at_number"), "audit_seals", ["at", "number"])
    op.create_table(
        "audit_gaps",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("found_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_gaps")),
    )
    op.create_table(
        "audit_people",
        _tenant(),
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_audit_people")),
    )
    op.create_table(
        "audit_cuts",
        sa.Column("seal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seal", name=op.f("pk_audit_cuts")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _protect_on_sqlite()
    else:
        _protect_on_postgresql()


def _protect_on_sqlite() -> None:
    op.execute(
        "CREATE TRIGGER audit_facts_refuses_update BEFORE UPDATE ON audit_facts"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_facts_refuses_delete BEFORE DELETE ON audit_facts"
        " WHEN NOT EXISTS (SELECT 1 FROM audit_cuts WHERE audit_cuts.last >= OLD.number)"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
    )


def _protect_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_fact_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF TG_OP = 'DELETE' THEN"
        " IF EXISTS (SELECT 1 FROM audit_cuts WHERE audit_cuts.last >= OLD.number)"
        " THEN RETURN OLD; END IF;"
        " END IF;"
        " RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_facts_refuses_change BEFORE UPDATE OR DELETE ON audit_facts"
        " FOR EACH ROW EXECUTE FUNCTION refuse_audit_fact_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_facts_refuses_truncate BEFORE TRUNCATE ON audit_facts"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_fact_change()"
    )


def _tenant() -> "sa.Column[str]":
    return sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False)
