"""Goals are found by the beginnings of their ids, and no more by what is in the middle of one."""

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from alembic import op

from perdure.stores.search.words import words_of

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_BATCH: Final = 500
_GOALS: Final = sa.text(
    "SELECT goals.workflow_id, goal_id, description, error, summary FROM goals"
    " LEFT JOIN results ON results.workflow_id = goals.workflow_id"
    " WHERE goals.workflow_id > :after ORDER BY goals.workflow_id LIMIT :limit"
)
_UPDATE: Final = sa.text("UPDATE goal_words SET words = :words WHERE workflow_id = :run")


def upgrade() -> None:
    """Index the words of all goals anew."""
    connection = op.get_bind()
    for goals in _batches(connection):
        rows = [{"run": goal.workflow_id, "words": words_of(*goal)} for goal in goals]
        connection.execute(_UPDATE, rows)


def _batches(
    connection: sa.Connection,
) -> Iterator[Sequence[sa.Row[str, str, str, str | None, str | None]]]:
    after = ""
    while goals := connection.execute(_GOALS, {"after": after, "limit": _BATCH}).all():
        yield goals
        after = goals[-1].workflow_id
