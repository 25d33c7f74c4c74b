"""The response store: what models answered, for goals that ask the same again."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select

from perdure.models import Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database

_GET: Final = select(schema.responses.c.response).where(
    schema.responses.c.digest == bindparam("asked")
)


class ResponseStore:
    """Answers of models by what was asked, over all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put = database.insert(schema.responses).on_conflict_do_nothing()

    async def get(self, digest: str) -> str | None:
        """Return the answer to a request, as it was put; ``None`` when there is none."""
        asked = {"asked": digest}
        text: str | None = await self._database.read(
            lambda found: found.execute(_GET, asked).scalar()
        )
        return text

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        """Keep an answer, and what it has cost; the first one stays."""
        row = {
            "digest": digest,
            "response": text,
            "usage": usage.model_dump_json(),
            "stored_at": datetime.now(UTC),
        }
        await self._database.write(lambda writing: writing.connection.execute(self._put, row))
