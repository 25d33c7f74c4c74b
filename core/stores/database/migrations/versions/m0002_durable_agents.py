"""Durable agents: fencing, waits, approvals, signals, the ledger, and what belongs to them."""

import uuid

import sqlalchemy as sa
from alembic import op

from perdure.stores.database.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("given_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "installation",
        sa.Column("stores_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("stores_id", name=op.f("pk_installation")),
    )
    op.create_table(
        "responses",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("stored_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_responses")),
    )
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.String(length=32), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_approvals_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_asked_at"), "approvals", ["asked_at"], unique=False)
    op.create_index(op.f("ix_approvals_workflow_id"), "approvals", ["workflow_id"], unique=False)
    op.create_table(
        "intents",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("begun_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_intents_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "workflow_id", "name", "digest", "occurrence", name=op.f("pk_intents")
        ),
    )
    op.create_table(
        "signals",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_signals_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", "name", "number", name=op.f("pk_signals")),
    )
    op.create_table(
        "spending",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_spending_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", "entry", name=op.f("pk_spending")),
    )
    op.create_index(op.f("ix_spending_root"), "spending", ["root"], unique=False)
    op.create_table(
        "streams",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("stream", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_streams_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", "stream", name=op.f("pk_streams")),
    )
    op.create_table(
        "totals",
        sa.Column("workflow_id", sa.String(length=200), nullable=False),
        sa.Column("root", sa.String(length=200), nullable=False),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("saved_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("saved_output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("saved_cost", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_totals_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workflow_id", name=op.f("pk_totals")),
    )
    op.create_index(op.f("ix_totals_root"), "totals", ["root"], unique=False)
    op.create_table(
        "waits",
        sa.Column("wait_id", sa.String(length=32), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("child", sa.String(length=200), nullable=True),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("over_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("taken_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_waits_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("wait_id", name=op.f("pk_waits")),
    )
    op.create_index(op.f("ix_waits_child"), "waits", ["child"], unique=False)
    op.create_index(op.f("ix_waits_workflow_id"), "waits", ["workflow_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("approval_id", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approvals.approval_id"],
            name=op.f("fk_votes_approval_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("approval_id", "by", name=op.f("pk_votes")),
    )
    op.add_column("goals", sa.Column("budget", sa.Text(), nullable=True))
    op.add_column("goals", sa.Column("parent", sa.String(length=200), nullable=True))
    op.add_column("goals", sa.Column("root", sa.String(length=200), nullable=True))
    op.add_column("goals", sa.Column("depth", sa.Integer(), server_default="0", nullable=False))
    op.add_column("goals", sa.Column("fence", sa.String(length=200), nullable=True))
    op.add_column("goals", sa.Column("fence_time", UtcDateTime(timezone=True), nullable=True))
    op.add_column("goals", sa.Column("request", sa.String(length=16), nullable=True))
    op.create_index(op.f("ix_goals_parent"), "goals", ["parent"], unique=False)
    op.create_index(op.f("ix_goals_root"), "goals", ["root"], unique=False)
    op.drop_column("goals", "last_told")
    op.add_column("steps", sa.Column("usage", sa.Text(), nullable=True))
    stores_id = sa.table("installation", sa.column("stores_id", sa.String))
    op.execute(sa.insert(stores_id).values(stores_id=str(uuid.uuid4())))
