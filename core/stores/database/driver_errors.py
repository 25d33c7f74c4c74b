"""What database drivers raise, translated into one sentence that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from perdure.stores.database.errors import StoreUnavailable

# A word of the driver's own message, and the advice for it; the first match counts.
_ADVICE: Final = (
    ("full", "free some space on its disk"),
    ("i/o error", "free some space on its disk, or see that the disk is sound"),
    ("no space", "free some space on its disk"),
    ("readonly", "make it writable, or set PERDURE_HOME to another folder"),
    ("read-only", "make it writable"),
    ("unable to open", "make it writable, or set PERDURE_HOME to another folder"),
    ("locked", "end the process that holds it"),
    ("not a database", "move that file away, or set PERDURE_HOME to another folder"),
    ("malformed", "put back a backup of it, or move it away to begin anew"),
    ("does not exist", "create it, or correct PERDURE_DATABASE_URL"),
    ("password", "correct PERDURE_DATABASE_URL"),
)

# PostgreSQL's classes of errors that are the server's and not the statement's: connection,
# authorization, unknown database, resources, operator's intervention, system; and "read only".
_OUTAGES: Final = ("08", "28", "3D", "53", "57", "58", "25006")


@contextmanager
def translate_driver_errors(url: str) -> Iterator[None]:
    """Raise :class:`StoreUnavailable` for what a driver raises when its database is down or full.

    Errors of a statement itself pass unchanged.

    Args:
        url: The database's address, without its password.

    Raises:
        StoreUnavailable: The database does not answer, or cannot be written.
    """
    try:
        yield
    except PoolTimeout as error:
        raise _unavailable(url, "every connection is taken") from error
    except DBAPIError as error:
        if not _is_outage(error):
            raise
        raise _unavailable(url, str(error.orig)) from error
    except OSError as error:
        raise _unavailable(url, str(error) or "it does not answer in time") from error


def _is_outage(error: DBAPIError) -> bool:
    # DatabaseError itself, and none of its kinds, is how SQLite says that a file is damaged.
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_OUTAGES)
    return error.connection_invalidated


def _unavailable(url: str, reason: str) -> StoreUnavailable:
    first_line = reason.splitlines()[0]
    advice = next(
        (advice for word, advice in _ADVICE if word in first_line.lower()),
        "see that it is up and reachable",
    )
    return StoreUnavailable(f"the database {url} does not take this ({first_line}): {advice}")
