"""A database of the kind that its address names."""

from sqlalchemy import URL

from perdure.encryption.cipher import Cipher
from perdure.stores.database.address import SQLITE
from perdure.stores.database.backends.postgresql import PostgreSQL
from perdure.stores.database.backends.sqlite import Sqlite
from perdure.stores.database.engine import Database


def open_database(
    address: URL, listen_url: URL | None = None, cipher: Cipher | None = None
) -> Database:
    """Return the database at an address that :func:`.database_address` gave.

    Args:
        address: The address.
        listen_url: What :func:`.listen_address` gave; another one than the address when a pooler
            stands between, which may keep no prepared statements.
        cipher: What seals people's words; ``None`` stores them as they are.

    Raises:
        StoreUnavailable: Its driver is not installed.
    """
    if address.get_backend_name() == SQLITE:
        return Sqlite(address, cipher)
    return PostgreSQL(address, listen_url or address, cipher)
