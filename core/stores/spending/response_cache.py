"""The response cache: responses of models, for goals that make the same request again."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select

from perdure.models import Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import TenantStore

_GET: Final = select(schema.responses.c.response).where(
    schema.responses.c.tenant == bindparam("owner"),
    schema.responses.c.digest == bindparam("request"),
)


class ResponseCache(TenantStore):
    """Responses of models by the digest of the request, over all runs of a tenant."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._put = database.insert(schema.responses).on_conflict_do_nothing()

    async def get(self, digest: str) -> str | None:
        """Return the response to a request, as it was put; ``None`` when there is none."""
        parameters = {"owner": self._tenancy.name, "request": digest}
        text: str | None = await self._database.read(
            lambda connection: connection.execute(_GET, parameters).scalar()
        )
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
