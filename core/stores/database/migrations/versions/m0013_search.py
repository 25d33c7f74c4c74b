"""Goals are found by their words, and by when they began and ended, of one tenant or of all."""

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from alembic import op

from perdure.stores.search.words import words_of

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BATCH: Final = 500
_SQLITE: Final = (
    (
        "CREATE VIRTUAL TABLE goal_words_index USING fts5(words, content='goal_words',"
        " content_rowid='id', tokenize='ascii', detail='none', columnsize=0,"
        # Of what somebody is still typing, the beginning is short and fits many words.
        " prefix='1 2 3')"
    ),
    (
        "CREATE TRIGGER goal_words_inserted AFTER INSERT ON goal_words BEGIN"
        " INSERT INTO goal_words_index (rowid, words) VALUES (new.id, new.words); END"
    ),
    (
        "CREATE TRIGGER goal_words_deleted AFTER DELETE ON goal_words BEGIN"
        " INSERT INTO goal_words_index (goal_words_index, rowid, words)"
        " VALUES ('delete', old.id, old.words); END"
    ),
    (
        "CREATE TRIGGER goal_words_updated AFTER UPDATE OF words ON goal_words BEGIN"
        " INSERT INTO goal_words_index (goal_words_index, rowid, words)"
        " VALUES ('delete', old.id, old.words);"
        " INSERT INTO goal_words_index (rowid, words) VALUES (new.id, new.words); END"
    ),
)
_POSTGRESQL: Final = (
    (
        "CREATE INDEX ix_goal_words_words ON goal_words"
        " USING gin (array_to_tsvector(string_to_array(words, ' ')))"
    ),
)
_GOALS: Final = sa.text(
    "SELECT goals.workflow_id, goal_id, description, error, summary FROM goals"
    " LEFT JOIN results ON results.workflow_id = goals.workflow_id"
    " WHERE goals.workflow_id > :after ORDER BY goals.workflow_id LIMIT :limit"
)

_Goal = sa.Row[str, str, str, str | None, str | None]


def upgrade() -> None:
    """Add the table with the words of all goals, and the indexes."""
    words = op.create_table(
        "goal_words",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workflow_id", sa.String(length=200), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["goals.workflow_id"],
            name=op.f("fk_goal_words_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal_words")),
    )
    op.create_index(op.f("ix_goal_words_workflow_id"), "goal_words", ["workflow_id"], unique=True)
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in _SQLITE if is_sqlite else ():
        op.execute(statement)
    for goals in _batches(connection):
        rows = [{"workflow_id": goal.workflow_id, "words": words_of(*goal)} for goal in goals]
        connection.execute(sa.insert(words), rows)
    # After the rows: an index is made faster of them than with them.
    for statement in () if is_sqlite else _POSTGRESQL:
        op.execute(statement)
    op.create_index(op.f("ix_goals_started_at"), "goals", ["started_at"])
    op.create_index(op.f("ix_goals_tenant_ended_at"), "goals", ["tenant", "ended_at"])
    # The goal id first, so that it is found whoever's it is.
    op.drop_index(op.f("ix_goals_tenant_goal_id_started_at"), "goals")
    op.create_index(
        op.f("ix_goals_goal_id_tenant_started_at"), "goals", ["goal_id", "tenant", "started_at"]
    )


def _batches(
    connection: sa.Connection,
) -> Iterator[Sequence[sa.Row[str, str, str, str | None, str | None]]]:
    after = ""
    while goals := connection.execute(_GOALS, {"after": after, "limit": _BATCH}).all():
        yield goals
        after = goals[-1].workflow_id
