"""The response cache: responses of models, for goals that make the same request again."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select

from perdure.models import Usage
from perdure.redis.connection import RedisConnection
from perdure.redis.shared_cache import SharedCache
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import TenantStore

_RECENT_SECONDS: Final = 86_400
_GET: Final = select(schema.responses.c.response).where(
    schema.responses.c.tenant == bindparam("owner"),
    schema.responses.c.digest == bindparam("request"),
)


class ResponseCache(TenantStore):
    """Responses of models by the digest of the request, over all runs of a tenant.

    They are kept in the database. Redis, where there is one, answers for it what was read of late.
    """

    def __init__(self, database: Database, redis: RedisConnection | None = None) -> None:
        super().__init__(database)
        self._put = database.insert(schema.responses).on_conflict_do_nothing()
        self._recent = SharedCache(redis, "responses", _RECENT_SECONDS) if redis else None

    async def get(self, digest: str) -> str | None:
        """Return the response to a request, as it was put; ``None`` when there is none."""
        tenant = self._tenancy.name
        if self._recent is not None:
            recent = await self._recent.get(tenant, digest)
            if recent is not None:
                return recent
        parameters = {"owner": tenant, "request": digest}
        text: str | None = await self._database.read(
            lambda connection: connection.execute(_GET, parameters).scalar()
        )
        if text is not None and self._recent is not None:
            await self._recent.put(tenant, digest, text)
        return text

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        """Store a response and its usage, unless there is one for the request."""
        row = {
            "tenant": self._tenancy.name,
            "digest": digest,
            "response": text,
            "usage": usage.model_dump_json(),
            "stored_at": datetime.now(UTC),
        }
        await self._database.write(
            lambda transaction: transaction.connection.execute(self._put, row)
        )
