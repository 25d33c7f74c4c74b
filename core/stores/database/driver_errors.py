"""What database drivers raise, translated into one sentence that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from perdure.encryption.cipher import Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.stores.database.errors import DatabaseAway, StoreUnavailable

# A word of the driver's own message, and the advice for it; the first match counts.
_ADVICE: Final = (
    ("sslmode", "correct it in PERDURE_DATABASE_URL"),
    ("ssl upgrade", "turn on TLS there, or take sslmode out of PERDURE_DATABASE_URL"),
    ("unrecognized configuration parameter", "take it out of PERDURE_DATABASE_URL"),
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

# PostgreSQL's server is starting or ending, or takes no more connections for now.
_AWAY: Final = ("57P", "53300", "08")
# PostgreSQL's classes of errors that are the server's and not the statement's: connection,
# authorization, unknown database, resources, operator's intervention, system; "read only"; and an
# option of the address that it does not know.
_OUTAGES: Final = ("08", "28", "3D", "53", "57", "58", "25006", "42704")


@contextmanager
def translate_driver_errors(url: str) -> Iterator[None]:
    """Raise :class:`StoreUnavailable` for what a driver raises when its database is down or full.

    Errors of a statement itself pass unchanged.

    Args:
        url: The database's address, without its password.

    Raises:
        StoreUnavailable: The database does not answer, cannot be written, or holds what the keys of
            this process do not open.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable(_sentence(url, "every connection is taken")) from error
    except DBAPIError as error:
        if not _is_outage(error):
            raise
        kind = DatabaseAway if _state_of(error).startswith(_AWAY) else StoreUnavailable
        raise kind(_sentence(url, str(error.orig) or type(error.orig).__name__)) from error
    except (KeyMissing, Tampered) as error:
        raise StoreUnavailable(str(error)) from error
    except OSError as error:
        raise DatabaseAway(_sentence(url, str(error) or "it does not answer in time")) from error


def _is_outage(error: DBAPIError) -> bool:
    # DatabaseError itself, and none of its kinds, is how SQLite says that a file is damaged.
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        return True
    if state := _state_of(error):
        return state.startswith(_OUTAGES)
    return error.connection_invalidated


def _state_of(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _sentence(url: str, reason: str) -> str:
    first_line = reason.splitlines()[0]
    advice = next(
        (advice for word, advice in _ADVICE if word in first_line.lower()),
        "see that it is up and reachable",
    )
    return f"the database {url} does not take this ({first_line}): {advice}"
