"""Migrates a database's schema when the stores are opened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout
from sqlalchemy import Connection, inspect, text

from perdure.stores.database.engine import Database
from perdure.stores.database.errors import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0032"
# A version that was made for this schema still works with the tables of HEAD, so that its processes
# may start again while a newer one takes their place. Migrations that only add leave it as it is;
# one that takes away what such a version reads or writes raises it.
WORKS_WITH: Final = "0026"
LOCK_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.01
_ADVISORY_LOCK: Final = 0x50455244  # "PERD"; any constant of ours does


async def migrate(database: Database, home: Path) -> None:
    """Apply the migrations that a database lacks; several processes may call it at once.

    Args:
        database: The database.
        home: The home folder, for the lock that SQLite needs.

    Raises:
        StoreUnavailable: The schema is newer than this version of Perdure, or another process has
            held the lock for a minute.
    """
    if database.is_sqlite:
        # The lock is for the first connection too: while a new file is being turned to WAL, SQLite
        # refuses others at once, whatever their busy timeout.
        async with _file_lock(home / "migrate.lock"):
            await _upgrade_if_outdated(database)
    else:
        await _upgrade_if_outdated(database)


async def _upgrade_if_outdated(database: Database) -> None:
    if not await database.read(_fits):
        await database.write(lambda transaction: _upgrade(transaction.connection, database))


@asynccontextmanager
async def _file_lock(path: Path) -> AsyncIterator[None]:
    lock = FileLock(path)
    deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
    while True:
        # Polled, not awaited in a thread: the thread of a cancelled task would acquire the lock
        # later and never release it.
        try:
            lock.acquire(blocking=False)
            break
        except Timeout as error:
            if asyncio.get_running_loop().time() > deadline:
                raise StoreUnavailable(
                    f"another process has held {path} for {LOCK_SECONDS:.0f} seconds: see what"
                    " it does, or end it"
                ) from error
            await asyncio.sleep(_POLL_SECONDS)
        except OSError as error:
            raise StoreUnavailable(
                f"the file {path} cannot be written ({error.strerror or error}): make its folder"
                " writable, or set PERDURE_HOME to another"
            ) from error
    try:
        yield
    finally:
        lock.release()


def _upgrade(connection: Connection, database: Database) -> None:
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    if _fits(connection):
        return
    revision = _read_revision(connection)
    if revision is not None and revision not in _known_revisions():
        raise StoreUnavailable(
            f"the database {database.url} was written by a newer Perdure (schema {revision},"
            f" this one knows {HEAD}): upgrade with pip install --upgrade perdure"
        )
    _run_migrations(connection)
    connection.execute(text("UPDATE installation SET works_with = :it"), {"it": WORKS_WITH})


def _fits(connection: Connection) -> bool:
    """Return whether this version works with the tables as they are, older or newer ones."""
    revision = _read_revision(connection)
    if revision is None or revision <= HEAD:
        return revision == HEAD
    columns = {column["name"] for column in inspect(connection).get_columns("installation")}
    if "works_with" not in columns:
        return False
    oldest = connection.execute(text("SELECT works_with FROM installation")).scalar()
    return oldest is not None and oldest <= HEAD


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return revision


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_configuration())
    return {script.revision for script in scripts.walk_revisions()}


def _run_migrations(connection: Connection) -> None:
    from alembic import command

    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _configuration() -> "Config":
    # Importing alembic takes 0.2 s, which a schema that is up to date does not need.
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return configuration
