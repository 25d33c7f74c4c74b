"""The address of the stores' database, as people write it and as the drivers take it."""

from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from perdure.stores.database.errors import StoreUnavailable

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql+asyncpg"
# What providers write; psycopg is another driver's name for the same address.
_POSTGRESQL_NAMES: Final = {"postgres", "postgresql", "postgresql+psycopg", POSTGRESQL}
# Options of SQLAlchemy's, which the server would refuse.
_CACHE_SIZE: Final = "prepared_statement_cache_size"
_ENGINE_OPTIONS: Final = {_CACHE_SIZE}
_LISTEN_ADVICE: Final = (
    "PERDURE_LISTEN_URL is not an address of PostgreSQL, or PERDURE_DATABASE_URL is not: write"
    " postgresql://user:password@host/database for both"
)
_FILE_OPTIONS: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


def database_address(text: str, home: Path) -> URL:
    """Return the address of the stores' database.

    Args:
        text: What ``PERDURE_DATABASE_URL`` says; when empty, it is a file in the home folder.
        home: The home folder, whose name may hold any character.

    Returns:
        An address of SQLite or, with the driver asyncpg, of PostgreSQL.

    Raises:
        StoreUnavailable: It is no address, that of a database in memory, or of another kind.
    """
    if not text:
        return URL.create(SQLITE, database=str(home / "perdure.db"))
    try:
        address = make_url(text)
    except (ArgumentError, ValueError) as error:  # the address itself may hold a password
        raise StoreUnavailable(
            "PERDURE_DATABASE_URL is not an address: write sqlite:///path/of/a/file or"
            " postgresql://user:password@host/database"
        ) from error
    if address.get_backend_name() == SQLITE:
        if address.database in {None, "", ":memory:"} or "mode" in address.query:
            raise StoreUnavailable(
                "PERDURE_DATABASE_URL names a database in memory, where nothing lasts: write"
                " sqlite:///path/of/a/file"
            )
        if "?" in text and not address.query:
            raise StoreUnavailable(
                "PERDURE_DATABASE_URL has a ? with no option behind it: write %3F for one that"
                " belongs to the file's name"
            )
        return address.set(drivername=SQLITE)
    if address.drivername in _POSTGRESQL_NAMES:
        _check_files(address)
        return address.set(drivername=POSTGRESQL)
    raise StoreUnavailable(
        f"PERDURE_DATABASE_URL names {address.drivername}: use sqlite:/// or postgresql://"
    )


def listen_address(text: str, stores: URL) -> URL:
    """Return the address at which the stores' database can be listened to.

    Args:
        text: What ``PERDURE_LISTEN_URL`` says; when empty, it is the stores' own.
        stores: The address of the stores' database.

    Raises:
        StoreUnavailable: It is no address of PostgreSQL, or the stores are not there.
    """
    if not text:
        return stores
    try:
        address = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StoreUnavailable(_LISTEN_ADVICE) from error
    if address.drivername not in _POSTGRESQL_NAMES or stores.drivername != POSTGRESQL:
        raise StoreUnavailable(_LISTEN_ADVICE)
    return address.set(drivername=POSTGRESQL)


def prepares_statements(stores: URL, *, is_pooled: bool) -> bool:
    """Return whether statements are prepared on the server: behind a pooler only if asked for.

    Args:
        stores: The address of the stores' database.
        is_pooled: Whether a pooler stands between, which may keep no prepared statements.
    """
    size = stores.query.get(_CACHE_SIZE)
    return not is_pooled if size is None else size != "0"


def split_options(address: URL) -> tuple[URL, str]:
    """Return what SQLAlchemy is to have of an address, and what the driver is to have.

    The driver reads the address itself, as PostgreSQL's own tools do: ``sslmode``,
    ``sslrootcert``, ``application_name`` and the like.

    Returns:
        The address with SQLAlchemy's own options alone, and the address in libpq's form, with its
        password.
    """
    own = {name: value for name, value in address.query.items() if name in _ENGINE_OPTIONS}
    rest = {name: value for name, value in address.query.items() if name not in _ENGINE_OPTIONS}
    libpq = address.set(drivername="postgresql", query=rest)
    return address.set(query=own), libpq.render_as_string(hide_password=False)


def _check_files(address: URL) -> None:
    for option in _FILE_OPTIONS:
        file = address.query.get(option)
        if isinstance(file, str) and not Path(file).is_file():
            raise StoreUnavailable(
                f"PERDURE_DATABASE_URL names the file {file} as {option}, which is not there:"
                " correct it"
            )
