"""The response cache: responses of models, for goals that make the same request again."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select

from perdure.encryption.cipher import Cipher, Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.models import Usage
from perdure.redis.connection import RedisConnection
from perdure.redis.shared_cache import SharedCache
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.sealing.text import keyed_digest, open_text, seal_text

_RECENT_SECONDS: Final = 86_400
_PLACE: Final = "redis.responses"
_GET: Final = select(schema.responses.c.response).where(
    schema.responses.c.tenant == bindparam("owner"),
    schema.responses.c.digest == bindparam("request"),
)


class ResponseCache(TenantStore):
    """Responses of models by the digest of the request, over all runs of a tenant.

    They are kept in the database. Redis, where there is one, answers for it what was read of late.
    """

    def __init__(
        self,
        database: Database,
        redis: RedisConnection | None = None,
        cipher: Cipher | None = None,
        secret: bytes | None = None,
    ) -> None:
        """Bind it to the database.

        Args:
            database: The database.
            redis: Where processes keep for each other what they have read.
            cipher: What seals responses there; ``None`` where nothing is encrypted.
            secret: What digests are keyed with; ``None`` where nothing is encrypted.
        """
        super().__init__(database)
        self._cipher = cipher
        self._secret = secret
        self._put = database.insert(schema.responses).on_conflict_do_nothing()
        self._recent = SharedCache(redis, "responses", _RECENT_SECONDS) if redis else None

    async def get(self, digest: str) -> str | None:
        """Return the response to a request, as it was put; ``None`` when there is none."""
        tenant, request = self._tenancy.name, keyed_digest(self._secret, digest)
        recent = await self._read_recent(tenant, request)
        if recent is not None:
            return recent
        parameters = {"owner": tenant, "request": request}
        text: str | None = await self._database.read(
            lambda connection: connection.execute(_GET, parameters).scalar()
        )
        if text is not None and self._recent is not None:
            await self._recent.put(tenant, request, seal_text(self._cipher, text, _PLACE))
        return text

    async def _read_recent(self, tenant: str, request: str) -> str | None:
        stored = await self._recent.get(tenant, request) if self._recent is not None else None
        if stored is None:
            return None
        try:
            return open_text(self._cipher, stored, _PLACE)
        except (KeyMissing, Tampered):  # the database has it
            return None

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        """Store a response and its usage, unless there is one for the request."""
        row = {
            "tenant": self._tenancy.name,
            "digest": keyed_digest(self._secret, digest),
            "response": text,
            "usage": usage.model_dump_json(),
            "stored_at": datetime.now(UTC),
        }
        await self._database.write(
            lambda transaction: transaction.connection.execute(self._put, row)
        )
