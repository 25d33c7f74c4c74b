"""The artifact store: files by their digest, and which run made which."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, bindparam, select

from perdure.agents.steps.journal import ArtifactWriter
from perdure.models import Artifact
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.objects.content_store import ContentStore

_OF: Final = (
    select(
        schema.artifacts.c.name,
        schema.artifacts.c.media_type,
        schema.artifacts.c.digest,
        schema.artifacts.c.size,
    )
    .where(schema.artifacts.c.workflow_id == bindparam("run"))
    .order_by(schema.artifacts.c.name)
)


_STORED_AT: Final = (
    select(schema.artifacts.c.size, schema.artifacts.c.stored_at)
    .where(schema.artifacts.c.digest == bindparam("digest"))
    .order_by(schema.artifacts.c.stored_at)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A content that some run has made a file of.

    Attributes:
        size: Bytes.
        stored_at: When the first did, in UTC.
    """

    size: int
    stored_at: datetime


class ArtifactStore(TenantStore):
    """Which run made which files; their contents lie in the content store."""

    def __init__(self, database: Database, contents: ContentStore) -> None:
        super().__init__(database)
        self._contents = contents

    def writer(self, claim: Claim) -> ArtifactWriter:
        """Return the writer that stores the files of one execution of a run."""
        return _ClaimedWriter(self._database, self._contents, claim)

    async def of(self, workflow_id: str) -> tuple[Artifact, ...]:
        """Return the files of a run, sorted by name.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> tuple[Artifact, ...]:
            self._tenancy.check_run(connection, workflow_id)
            return artifacts_of(connection, workflow_id)

        return await self._database.read(fetch)

    async def content(self, digest: str) -> StoredContent | None:
        """Return what is known of a content; ``None`` when none of the tenant's runs made it.

        Args:
            digest: ``sha256:`` and 64 hexadecimal digits.
        """
        query = self._tenancy.limited(_STORED_AT, schema.artifacts.c.tenant)
        row = await self._database.read(
            lambda connection: connection.execute(query, {"digest": digest}).first()
        )
        return None if row is None else StoredContent(row.size, row.stored_at)


class _ClaimedWriter:
    def __init__(self, database: Database, contents: ContentStore, claim: Claim) -> None:
        self._database = database
        self._contents = contents
        self._claim = claim

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        digest, size = await with_retries(lambda: self._contents.put(content))
        artifact = Artifact(name=name, media_type=media_type, digest=digest, size=size)
        row = artifact.model_dump(exclude={"name"}) | {"stored_at": datetime.now(UTC)}
        artifacts = schema.artifacts
        statement = (
            self._database.insert(artifacts)
            .values(
                workflow_id=self._claim.workflow_id,
                name=name,
                tenant=self._claim.tenant,
                **row,
            )
            .on_conflict_do_update(
                index_elements=[artifacts.c.workflow_id, artifacts.c.name], set_=row
            )
        )

        def write(transaction: Transaction) -> None:
            self._claim.check(transaction)
            transaction.connection.execute(statement)

        await with_retries(lambda: self._database.write(write))
        return artifact

    async def read(self, artifact: Artifact) -> bytes:
        return await with_retries(lambda: self._contents.read(artifact.digest))


def artifacts_of(connection: Connection, workflow_id: str) -> tuple[Artifact, ...]:
    """Return the files of a run, sorted by name."""
    rows = connection.execute(_OF, {"run": workflow_id}).mappings()
    return tuple(Artifact.model_validate(dict(row)) for row in rows)
