"""The records of uploads, and the tokens with which workers elsewhere fetch their content."""

import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import RowMapping, bindparam, delete, select

from perdure.models.uploads import UPLOAD_SCHEME, Upload, UploadRecord
from perdure.stores.database import schema
from perdure.stores.database.errors import UnknownUpload
from perdure.stores.database.paging import PageCursor, after_cursor
from perdure.stores.database.tenancy import TenantStore

# A download begins at once; the token need not last as long as it takes.
TOKEN_SECONDS: Final = 300

_UPLOADS: Final = schema.uploads.c
_GET: Final = select(schema.uploads).where(_UPLOADS.upload_id == bindparam("upload"))


class UploadRecordStore(TenantStore):
    """The records of the files that were handed in; the files themselves lie with the API."""

    async def add(self, upload: Upload) -> UploadRecord:
        """Store the record of a file that was handed in, unless there is one of its id.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        stored_at = datetime.now(UTC)
        row = {
            "upload_id": upload.id,
            "name": upload.name,
            "size": upload.size,
            "digest": upload.digest,
            "secret": secrets.token_hex(32),
            "stored_at": stored_at,
            "tenant": self._tenancy.name,
        }
        insert = self._database.insert(schema.uploads).values(row).on_conflict_do_nothing()
        await self._database.write(lambda transaction: transaction.connection.execute(insert))
        return UploadRecord(**upload.model_dump(), stored_at=stored_at, tenant=self._tenancy.name)

    async def get(self, upload_id: str) -> UploadRecord:
        """Return the record of a file.

        Raises:
            UnknownUpload: No such file was handed in, or it was removed.
        """
        return _record(await self._row(upload_id))

    async def list(
        self, *, limit: int = 50, before: PageCursor | None = None
    ) -> list[UploadRecord]:
        """Return the files that were handed in, newest first.

        Args:
            limit: How many at most.
            before: Only those that come after this place: :func:`cursor_of` the last one.
        """
        query = (
            select(schema.uploads)
            .order_by(_UPLOADS.stored_at.desc(), _UPLOADS.upload_id.desc())
            .limit(limit)
        )
        query = self._tenancy.limited(query, _UPLOADS.tenant)
        if before is not None:
            query = query.where(after_cursor(before, _UPLOADS.stored_at, _UPLOADS.upload_id))
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_record(row) for row in rows]

    async def remove(self, upload_id: str) -> bool:
        """Remove the record of a file; return whether there was one."""
        delete_ = delete(schema.uploads).where(_UPLOADS.upload_id == upload_id)
        if self._tenancy.tenant is not None:
            delete_ = delete_.where(_UPLOADS.tenant == self._tenancy.tenant)
        removed = await self._database.write(
            lambda transaction: transaction.connection.execute(delete_)
        )
        return removed.rowcount > 0

    async def token(self, upload_id: str) -> str:
        """Return a token that is good for the content of this upload alone, for five minutes.

        Raises:
            UnknownUpload: No such file was handed in, or it was removed.
        """
        row = await self._row(upload_id)
        expires = str(int(time.time()) + TOKEN_SECONDS)
        return f"{expires}.{_signature(row['secret'], upload_id, expires)}"

    async def check_token(self, upload_id: str, token: str) -> UploadRecord:
        """Return the record of the upload that a token is good for.

        Raises:
            UnknownUpload: There is none, or the token is not good for it, or not any more.
        """
        row = await self._row(upload_id)
        expires, _, signature = token.partition(".")
        expected = _signature(row["secret"], upload_id, expires)
        # Compared first: what expires is only known of what is signed.
        is_signed = hmac.compare_digest(signature.encode(), expected.encode())
        if not is_signed or int(expires) < time.time():
            raise UnknownUpload(upload_id)
        return _record(row)

    async def _row(self, upload_id: str) -> RowMapping:
        query = self._tenancy.limited(_GET, _UPLOADS.tenant)
        row = await self._database.read(
            lambda connection: connection.execute(query, {"upload": upload_id}).mappings().first()
        )
        if row is None:
            raise UnknownUpload(upload_id)
        return row


def cursor_of(record: UploadRecord) -> PageCursor:
    """Return the cursor of an upload in :meth:`UploadRecordStore.list`."""
    return PageCursor(record.stored_at, record.id)


def _record(row: RowMapping) -> UploadRecord:
    return UploadRecord(
        path=f"{UPLOAD_SCHEME}{row['upload_id']}/{row['name']}",
        id=row["upload_id"],
        name=row["name"],
        size=row["size"],
        digest=row["digest"],
        stored_at=row["stored_at"],
        tenant=row["tenant"],
    )


def _signature(secret: str, upload_id: str, expires: str) -> str:
    return hmac.new(secret.encode(), f"{upload_id}.{expires}".encode(), hashlib.sha256).hexdigest()
