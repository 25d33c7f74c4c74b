"""Bringing a database's schema up to date when the stores are opened."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock
from holdfast.stores.database import Database, StoreUnavailable
from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0001"
_ADVISORY_LOCK: Final = 0x484F4C44  # "HOLD"; any constant of ours does


async def migrate(database: Database, home: Path) -> None:
    """Apply the migrations that a database lacks; several processes may call it at once.

    Args:
        database: The database.
        home: The home folder, for the lock that SQLite needs.

    Raises:
        StoreUnavailable: The schema is newer than this version of Holdfast.
    """
    if await database.read(_read_revision) == HEAD:
        return
    if not database.is_sqlite:
        await _upgrade(database)
        return
    lock = FileLock(home / "migrate.lock")
    await asyncio.to_thread(lock.acquire)
    try:
        await _upgrade(database)
    finally:
        lock.release()


async def _upgrade(database: Database) -> None:
    await database.write(lambda transaction: _upgrade_within(transaction.connection, database))


def _upgrade_within(connection: Connection, database: Database) -> None:
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    revision = _read_revision(connection)
    if revision is not None and revision not in _known_revisions():
        raise StoreUnavailable(
            f"the database {database.url} was written by a newer Holdfast (schema {revision},"
            f" this one knows {HEAD}): upgrade with pip install --upgrade holdfast"
        )
    if revision != HEAD:
        _run_migrations(connection)


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
    # Importing alembic takes 0.2 s, which a schema that is up to date need not pay.
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return configuration
