"""The keys of the API: kept as digests, each with a tenant, scopes and an expiry."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, insert, literal, or_, select, update

from perdure.models import DEFAULT_TENANT
from perdure.schemas.access import MAX_NAME_CHARACTERS, KeyRecord
from perdure.stores.access.secrets import digest_of, is_digest_of, new_secret
from perdure.stores.database import access_schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import InputRefused, UnknownKey
from perdure.stores.database.tenancy import check_tenant

# How exactly it is known when a key was used last: a write a request would cost more than it tells.
LAST_USE_PRECISION: Final = timedelta(minutes=1)
MAX_LISTED: Final = 500
# Recognised in texts by perdure.redaction.
_PREFIX: Final = "perdure_"
_ID_BYTES: Final = 6

_KEYS: Final = access_schema.api_keys.c
_BY_ID: Final = select(access_schema.api_keys).where(_KEYS.key_id == bindparam("key"))
_ANY: Final = select(literal(1)).select_from(access_schema.api_keys).limit(1)
_LIST: Final = (
    select(access_schema.api_keys)
    .order_by(_KEYS.created_at.desc(), _KEYS.key_id.desc())
    .limit(MAX_LISTED)
)
_INSERT: Final = insert(access_schema.api_keys)
_USE: Final = (
    update(access_schema.api_keys)
    .where(
        _KEYS.key_id == bindparam("key"),
        or_(_KEYS.last_used_at.is_(None), _KEYS.last_used_at < bindparam("before")),
    )
    .values(last_used_at=bindparam("now"))
)
_REVOKE: Final = (
    update(access_schema.api_keys)
    .where(_KEYS.key_id == bindparam("key"), _KEYS.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)


def new_key_id() -> str:
    """Return a random id for a new key, 12 hexadecimal digits."""
    return secrets.token_hex(_ID_BYTES)


def key_text(key_id: str, secret: str) -> str:
    """Return what the bearer of a key sends."""
    return f"{_PREFIX}{key_id}_{secret}"


class KeyStore:
    """The keys of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str = DEFAULT_TENANT,
        expires_at: datetime | None = None,
    ) -> tuple[str, KeyRecord]:
        """Make a key and return it, this once, with its record.

        Args:
            name: Whose it is, or what for: 1 to 200 characters that can be printed.
            scopes: What it may do.
            tenant: Whose goals it is for.
            expires_at: When it ends by itself.

        Raises:
            InputRefused: The name is empty, too long or unprintable, the tenant's is not valid, or
                the key would be expired.
            StoreUnavailable: The database does not answer.
        """
        check_tenant(tenant)
        name = name.strip()
        now = datetime.now(UTC)
        if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
            raise InputRefused(
                f"a key's name has 1 to {MAX_NAME_CHARACTERS} characters that can be printed: say"
                " whose it is, such as 'nightly reports'"
            )
        if expires_at is not None and expires_at <= now:
            raise InputRefused("a key that ends in the past opens nothing: give a later end")
        key_id, secret = new_key_id(), new_secret()
        row = {
            "key_id": key_id,
            "digest": digest_of(secret),
            "name": name,
            "tenant": tenant,
            "scopes": " ".join(scopes),
            "created_at": now,
            "expires_at": expires_at,
        }

        def create(transaction: Transaction) -> KeyRecord:
            transaction.connection.execute(_INSERT, row)
            return _get(transaction.connection, key_id)

        return key_text(key_id, secret), await self._database.write(create)

    async def exist(self) -> bool:
        """Return whether any key was ever made here.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        return await self._database.read(
            lambda connection: connection.execute(_ANY).scalar() is not None
        )

    async def authenticate(self, key: str) -> KeyRecord | None:
        """Return the record of a key that may be used, and store that it was; ``None`` for others.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        if not key.startswith(_PREFIX):
            return None
        key_id, _, secret = key.removeprefix(_PREFIX).partition("_")
        row = await self._database.read(
            lambda connection: connection.execute(_BY_ID, {"key": key_id}).mappings().first()
        )
        if row is None or not is_digest_of(row["digest"], secret):
            return None
        record, now = _record(row), datetime.now(UTC)
        if not record.is_valid(now):
            return None
        if record.last_used_at is None or now - record.last_used_at > LAST_USE_PRECISION:
            values = {"key": key_id, "now": now, "before": now - LAST_USE_PRECISION}
            await self._database.write(
                lambda transaction: transaction.connection.execute(_USE, values)
            )
        return record

    async def get(self, key_id: str) -> KeyRecord:
        """Return a key's record.

        Raises:
            UnknownKey: There is none of that id.
            StoreUnavailable: The database does not answer.
        """
        return await self._database.read(lambda connection: _get(connection, key_id))

    async def list(self, tenant: str | None = None) -> list[KeyRecord]:
        """Return the newest 500 keys, those that were revoked or have expired too.

        Args:
            tenant: Only this tenant's.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        query = _LIST if tenant is None else _LIST.where(_KEYS.tenant == tenant)
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_record(row) for row in rows]

    async def revoke(self, key_id: str, tenant: str | None = None) -> KeyRecord:
        """Revoke a key, which ends its sessions too; what it started goes on.

        Args:
            key_id: Its id.
            tenant: Whose it has to be; anybody's when not given.

        Raises:
            UnknownKey: There is none of that id, or it is another tenant's.
            StoreUnavailable: The database does not answer.
        """

        def revoke(transaction: Transaction) -> KeyRecord:
            if tenant not in {None, _get(transaction.connection, key_id).tenant}:
                raise UnknownKey(key_id)
            transaction.connection.execute(_REVOKE, {"key": key_id, "now": datetime.now(UTC)})
            return _get(transaction.connection, key_id)

        return await self._database.write(revoke)


def _get(connection: Connection, key_id: str) -> KeyRecord:
    row = connection.execute(_BY_ID, {"key": key_id}).mappings().first()
    if row is None:
        raise UnknownKey(key_id)
    return _record(row)


def _record(row: RowMapping) -> KeyRecord:
    fields = {name: row[name] for name in KeyRecord.model_fields if name != "scopes"}
    # Each request reads one: what was checked when it was written is not checked again.
    return KeyRecord.model_construct(scopes=tuple(row["scopes"].split()), **fields)
