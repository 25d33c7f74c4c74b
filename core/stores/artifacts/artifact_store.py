"""The artifact store: files by their digest, and which run made which."""

import asyncio
import hashlib
import io
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import Connection, bindparam, select

from perdure.agents.steps.journal import ArtifactWriter
from perdure.models import Artifact
from perdure.stores.artifacts.synced_folder import sync_folder
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StoreUnavailable, UnknownArtifact
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore

_CHUNK_BYTES: Final = 1024 * 1024

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


class ArtifactStore(TenantStore):
    """The files that runs made; equal contents are stored once.

    A digest comes from a run's record: :meth:`path` and :meth:`read` do not look whose it is.

    Attributes:
        folder: The folder of the files, each at ``sha256/ab/abcd…``.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database)
        self.folder = folder

    def writer(self, claim: Claim) -> ArtifactWriter:
        """Return the writer that stores the files of one execution of a run."""
        return _ClaimedWriter(self._database, self, claim)

    async def of(self, workflow_id: str) -> tuple[Artifact, ...]:
        """Return the files of a run, sorted by name.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> tuple[Artifact, ...]:
            self._tenancy.check_run(connection, workflow_id)
            return artifacts_of(connection, workflow_id)

        return await self._database.read(fetch)

    def path(self, digest: str) -> Path:
        """Return the path of the file with that digest.

        Raises:
            UnknownArtifact: It is not stored here.
        """
        path = self._path(digest)
        if not path.is_file():
            raise UnknownArtifact(
                f"no artifact {digest} lies under {self.folder}: see that PERDURE_HOME is the"
                " worker's"
            )
        return path

    async def read(self, digest: str) -> bytes:
        """Return the content of that digest.

        Raises:
            UnknownArtifact: It is not stored here.
        """
        return await asyncio.to_thread(self.path(digest).read_bytes)

    def put(self, content: bytes | Path) -> tuple[str, int]:
        """Store a file and return its digest and its size in bytes; blocks while it copies.

        Raises:
            StoreUnavailable: The disk is full or cannot be written; nothing is left half-written.
            OSError: The file given cannot be read.
        """
        # Opened outside the try, so that a missing file does not count as a full disk.
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
            try:
                return self._put(source)
            except OSError as error:
                raise StoreUnavailable(
                    f"an artifact cannot be written under {self.folder}"
                    f" ({error.strerror or error}): free some space or make the folder writable"
                ) from error

    def _put(self, source: BinaryIO) -> tuple[str, int]:
        incoming = self.folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        temporary = incoming / uuid.uuid4().hex
        try:
            with temporary.open("xb") as target:
                digest, size = _copy(source, target)
                target.flush()
                os.fsync(target.fileno())
            path = self._path(digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return digest, size

    def _path(self, digest: str) -> Path:
        algorithm, _, digits = digest.partition(":")
        return self.folder / algorithm / digits[:2] / digits


class _ClaimedWriter:
    def __init__(self, database: Database, store: ArtifactStore, claim: Claim) -> None:
        self._database = database
        self._store = store
        self._claim = claim

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        digest, size = await with_retries(lambda: asyncio.to_thread(self._store.put, content))
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
        return await self._store.read(artifact.digest)


def artifacts_of(connection: Connection, workflow_id: str) -> tuple[Artifact, ...]:
    """Return the files of a run, sorted by name."""
    rows = connection.execute(_OF, {"run": workflow_id}).mappings()
    return tuple(Artifact.model_validate(dict(row)) for row in rows)


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    return f"sha256:{digest.hexdigest()}", size
