"""The index of goals: by the words of description, error and result's summary, and by their ids.

Every database is given the words as :mod:`perdure.stores.search.words` makes them, so that all find
the same. PostgreSQL has a GIN index of them; on SQLite, triggers that the migration makes keep an
FTS5 index.

Where the stores are encrypted there are no words in it: a goal is found by its ids alone.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, TextClause, bindparam, insert, select, text, update

from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.sealing.columns import cipher_of
from perdure.stores.search.words import Term, query_terms, words_of

_GOALS: Final = schema.goals.c
_WORDS: Final = schema.goal_words.c
_TEXTS: Final = (
    select(_GOALS.goal_id, _GOALS.description, _GOALS.error, schema.results.c.summary)
    .select_from(schema.goals.outerjoin(schema.results))
    .where(_GOALS.workflow_id == bindparam("run"))
)
_INSERT: Final = insert(schema.goal_words)
_UPDATE: Final = (
    update(schema.goal_words)
    .where(_WORDS.workflow_id == bindparam("run"))
    .values(words=bindparam("found"))
)
_MATCHES: Final = "goals.workflow_id IN (SELECT goal_words.workflow_id FROM goal_words WHERE {})"
_SQLITE: Final = _MATCHES.format(
    "goal_words.id IN (SELECT rowid FROM goal_words_index WHERE goal_words_index MATCH :searched)"
)
_POSTGRESQL: Final = _MATCHES.format(
    "array_to_tsvector(string_to_array(goal_words.words, ' '))"
    " @@ CAST(CAST(:searched AS text) AS tsquery)"
)
FEW: Final = 500
_FEW: Final = text(
    "SELECT workflow_id FROM goal_words WHERE id IN ("
    "SELECT rowid FROM goal_words_index WHERE goal_words_index MATCH :searched LIMIT :most)"
)


def index_new_goal(
    transaction: Transaction, workflow_id: str, goal_id: str, description: str
) -> None:
    """Index a run whose record was just created."""
    is_open = cipher_of(transaction.connection.dialect) is None
    words = words_of(workflow_id, goal_id, description if is_open else "")
    transaction.connection.execute(_INSERT, {"workflow_id": workflow_id, "words": words})


def index_ended_goal(transaction: Transaction, workflow_id: str) -> None:
    """Index a run that has ended anew, by all the words in its record."""
    execute = transaction.connection.execute
    goal_id, *texts = execute(_TEXTS, {"run": workflow_id}).one()
    is_open = cipher_of(transaction.connection.dialect) is None
    words = words_of(workflow_id, goal_id, *(texts if is_open else [""]))
    if execute(_UPDATE, {"run": workflow_id, "found": words}).rowcount == 0:
        # A worker of an older version has created it.
        execute(_INSERT, {"workflow_id": workflow_id, "words": words})


def found_by(database: Database, search: str) -> TextClause | None:
    """Return the condition on ``goals`` that a run has every word of a text, or an id in it.

    Args:
        database: The database, since each has its own way.
        search: The text, as :func:`.query_terms` reads it.

    Returns:
        The condition; ``None`` when the text has no word, so that nothing is found.
    """
    terms = query_terms(search)
    if not terms:
        return None
    if database.is_sqlite:
        return text(_SQLITE).bindparams(searched=_query(terms, '"{}" *', " AND ", " OR "))
    return text(_POSTGRESQL).bindparams(searched=_query(terms, "'{}':*", " & ", " | "))


def rarely_found(connection: Connection, database: Database, search: str) -> list[str] | None:
    """Return the runs that a text finds, on SQLite, where they are few.

    SQLite looks for them among a tenant's goals, the newest first: soon done with a word that many
    have, and a walk through all of them for one that hardly any has.

    Args:
        connection: Where it is looked up.
        database: The database.
        search: The text.

    Returns:
        Their workflow ids; ``None`` when there are more, the text has no word, or the database
        plans by what its tables hold.
    """
    terms = query_terms(search)
    if not terms or not database.is_sqlite:
        return None
    query = {"searched": _query(terms, '"{}" *', " AND ", " OR "), "most": FEW + 1}
    found = [run for (run,) in connection.execute(_FEW, query)]
    return None if len(found) > FEW else found


def _query(terms: Sequence[Term], beginning: str, both: str, either: str) -> str:
    """Return a query as a database writes it: the beginning of a word, "and", "or"."""

    def written(term: Term) -> str:
        words = both.join(map(beginning.format, term.words))
        return f"({either.join([f'({words})', *map(beginning.format, term.ids)])})"

    return both.join(map(written, terms))
