"""Which Temporal namespace, and which keys, the stores belong to.

With two namespaces, each would end the other's runs.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from perdure.encryption.cipher import Cipher
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.sealing.text import key_of, open_text, seal_text

_COLUMNS: Final = schema.installation.c
_GET: Final = select(_COLUMNS.namespace, _COLUMNS.namespace_id, _COLUMNS.server)
_LOCK: Final = _GET.with_for_update()
_SET: Final = update(schema.installation).values(
    namespace=bindparam("name"), namespace_id=bindparam("id"), server=bindparam("place")
)


_SECRET: Final = select(_COLUMNS.secret)
_LOCK_SECRET: Final = _SECRET.with_for_update()
_SET_SECRET: Final = update(schema.installation).values(secret=bindparam("sealed"))
_PLACE: Final = "installation.secret"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Temporal namespace.

    Attributes:
        name: Its name.
        id: The id that the server gave it: another in each server, and the same after a restart
            with the same database.
        server: Where its server is found.
    """

    name: str
    id: str
    server: str

    def __str__(self) -> str:
        return f"{self.name!r} of the server at {self.server} (id {self.id})"


class OtherNamespace(Exception):
    """The stores belong to another Temporal namespace."""


class InstallationStore:
    """What the stores know of the installation that they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, namespace: Namespace, *, adopt: bool = False) -> Namespace | None:
        """Let the stores belong to a namespace, unless they belong to another.

        A namespace of the same name at the same place, but of another id, replaces the one before:
        its server has lost its state, or has been set up anew.

        Args:
            namespace: The namespace.
            adopt: Let it replace any other.

        Returns:
            The namespace that was replaced.

        Raises:
            OtherNamespace: They belong to another, which is not replaced.
        """

        def claim(transaction: Transaction) -> Namespace | None:
            current = _current(transaction.connection, lock=True)
            is_same = current is not None and current.id == namespace.id
            if current is not None and not (is_same or adopt or _is_successor(namespace, current)):
                raise OtherNamespace(self._refusal(current, namespace))
            values = {"name": namespace.name, "id": namespace.id, "place": namespace.server}
            transaction.connection.execute(_SET, values)
            return None if is_same else current

        # Nearly always nothing changes, and nothing is written.
        if await self._database.read(_current) == namespace:
            return None
        return await self._database.write(claim)

    def _refusal(self, current: Namespace, other: Namespace) -> str:
        return (
            f"the stores in {self._database.url} belong to the Temporal namespace {current}, and"
            f" this is {other}: set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE to theirs, or"
            " PERDURE_HOME and PERDURE_DATABASE_URL to other stores, or, if theirs is gone for"
            f" good, PERDURE_ADOPT_NAMESPACE={other.id}"
        )


async def open_secret(database: Database, cipher: Cipher | None) -> bytes | None:
    """Return what these stores key digests of words with; ``None`` if they were never encrypted.

    It is made by the first process that has keys, and stays the same whatever becomes of them. It
    lies in the stores, sealed by the newest key: who cannot open it has not the keys, and whatever
    such a process read or stored would be wrong.

    Args:
        database: The database.
        cipher: The keys of this process.

    Raises:
        StoreUnavailable: The stores are encrypted with keys that this process has not.
    """
    stored = await database.read(_read_secret)
    if cipher is None:
        if stored is not None:
            raise StoreUnavailable(
                f"the stores in {database.url} are encrypted (the newest key is"
                f" {key_of(stored)!r}), and PERDURE_ENCRYPTION_KEYS is not set: set it to their"
                " keys"
            )
        return None
    if stored is not None and key_of(stored) == cipher.key_id:
        return await database.read(lambda connection: _opened(connection, cipher))

    def renew(transaction: Transaction) -> bytes:
        current: str | None = transaction.connection.execute(_LOCK_SECRET).scalar_one()
        if current is None:
            secret = secrets.token_hex(_SECRET_BYTES)
        else:
            secret = open_text(cipher, current, _PLACE)
        sealed = seal_text(cipher, secret, _PLACE)
        transaction.connection.execute(_SET_SECRET, {"sealed": sealed})
        return bytes.fromhex(secret)

    return await database.write(renew)


def _read_secret(connection: Connection) -> str | None:
    stored: str | None = connection.execute(_SECRET).scalar_one()
    return stored


def _opened(connection: Connection, cipher: Cipher) -> bytes:
    stored = _read_secret(connection)
    assert stored is not None
    return bytes.fromhex(open_text(cipher, stored, _PLACE))


def _current(connection: Connection, *, lock: bool = False) -> Namespace | None:
    name, id_, server = connection.execute(_LOCK if lock else _GET).one()
    return None if id_ is None else Namespace(name, id_, server)


def _is_successor(namespace: Namespace, current: Namespace) -> bool:
    return (namespace.name, namespace.server) == (current.name, current.server)
