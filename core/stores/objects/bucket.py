"""Objects in a bucket of S3, Google Cloud Storage or Azure, by obstore."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from perdure.redaction import message_without_secrets
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.objects.object_store import CHUNK_BYTES, ContentChanged, ObjectMissing

if TYPE_CHECKING:
    from obstore import Attributes
    from obstore.store import (
        AzureStore,
        ClientConfig,
        GCSStore,
        RetryConfig,
        S3Config,
        S3Store,
    )

# Parts of a multipart upload that are in memory at once, beside the one that is read.
_PARTS: Final = 2
_PART_BYTES: Final = 8 * 1024 * 1024
# Who stores or reads tries again for a minute; this is for what passes in a moment.
_RETRIES: "Final[RetryConfig]" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# What an agent made is data: a browser that is sent to it must not run it.
_ATTRIBUTES: "Final[Attributes]" = {
    "Content-Disposition": "attachment",
    "Content-Type": "application/octet-stream",
}
_MESSAGE_CHARACTERS: Final = 300
# How S3 and Azure write what is wrong.
_SAID: Final = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>")


class BucketStore:
    """Objects in a bucket; see :class:`.ObjectStore`."""

    def __init__(
        self, url: str, *, setting: str = "PERDURE_ARTIFACTS_URL", checksums: bool = False
    ) -> None:
        """Bind it to a bucket, of which nothing is asked yet.

        The credentials, the region and the endpoint come from the cloud's own variables, such as
        ``AWS_ACCESS_KEY_ID`` and ``AWS_ENDPOINT_URL``.

        Args:
            url: Its address, such as ``s3://bucket/prefix``.
            setting: The setting that names it, for messages.
            checksums: Send a checksum with each object, which S3 wants where objects are locked.

        Raises:
            StoreUnavailable: obstore is not installed, or takes no such address or variables.
        """
        try:
            import obstore
        except ImportError as error:
            raise StoreUnavailable(
                f"{setting}={url} needs obstore: pip install 'perdure[objects]'"
            ) from error
        self.where = url
        self._setting = setting
        self._obstore = obstore
        with self._translated():
            self._store = open_bucket(url, checksums=checksums)

    async def put(self, key: str, content: bytes | Path, digest: str) -> None:
        """Upload a content; a large one in parts, of which few are in memory."""
        source = content if isinstance(content, bytes) else _pieces(content, digest)
        if isinstance(content, Path):
            # Those of the file itself are none of the bucket's.
            (await asyncio.to_thread(content.open, "rb")).close()
        with self._translated():
            await self._obstore.put_async(
                self._store,
                key,
                source,
                attributes=_ATTRIBUTES,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS,
            )

    async def exists(self, key: str) -> bool:
        """Return whether the object is there."""
        try:
            with self._translated():
                await self._obstore.head_async(self._store, key)
        except ObjectMissing:
            return False
        return True

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of an object as they come."""
        if end is not None and end <= start:
            return
        wanted = (start, end) if end is not None else {"offset": start}
        options = {"range": wanted} if start or end is not None else {}
        with self._translated():
            found = await self._obstore.get_async(self._store, key, options=options)  # type: ignore[arg-type]
            stream = found.stream(CHUNK_BYTES)
        while True:
            with self._translated():
                try:
                    chunk = bytes(await anext(stream))
                except StopAsyncIteration:
                    return
            yield chunk

    async def delete(self, key: str) -> None:
        """Delete an object."""
        try:
            with self._translated():
                await self._obstore.delete_async(self._store, key)
        except ObjectMissing:
            pass

    def path(self, key: str) -> Path | None:  # noqa: ARG002 -- it has none
        """Return ``None``: an object lies on no disk of ours."""
        return None

    async def signed_url(self, key: str, seconds: int) -> str | None:
        """Return an address to read an object at, signed with this process's credentials."""
        try:
            return await self._obstore.sign_async(
                self._store, "GET", key, timedelta(seconds=seconds)
            )
        except (self._obstore.exceptions.BaseError, ValueError):
            return None  # credentials that cannot sign, or none

    @contextmanager
    def _translated(self) -> Iterator[None]:
        errors = self._obstore.exceptions
        try:
            yield
        except (errors.NotFoundError, FileNotFoundError) as error:
            if "NoSuchBucket" in str(error):
                raise self._unavailable("there is no such bucket") from None
            raise ObjectMissing(self.where) from None
        except errors.BaseError as error:
            raise self._unavailable(reason_of(error)) from None

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the object storage {self.where} does not answer as it should ({reason}): see that"
            f" {self._setting} is its address, and that the variables of its cloud, such as"
            " AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL, are set"
        )


def open_bucket(url: str, *, checksums: bool = False) -> "S3Store | GCSStore | AzureStore":
    """Return obstore's client of a bucket, with the credentials and addresses of the environment.

    Args:
        url: Its address, such as ``s3://bucket/prefix``.
        checksums: Send a checksum with each object, which S3 wants where objects are locked.

    Raises:
        ImportError: obstore is not installed.
        obstore.exceptions.BaseError: It takes no such address or variables.
    """
    from obstore.store import from_url

    # obstore reads this variable only where no other option is given.
    is_http = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true", "yes"}
    options = _client_options(allow_http=is_http)
    own: S3Config = {"checksum_algorithm": "SHA256"} if checksums and _is_s3(url) else {}
    store = from_url(url, config=own, client_options=options, retry_config=_RETRIES)
    return cast("S3Store | GCSStore | AzureStore", store)


def reason_of(error: Exception) -> str:
    """Return what an error of the client says, without what is for its developers."""
    said = _SAID.search(str(error))
    reason = f"{said[1]}: {said[2]}" if said else str(error).partition("\n")[0]
    return message_without_secrets(reason)[:_MESSAGE_CHARACTERS].strip(" .")


def _is_s3(url: str) -> bool:
    return url.startswith(("s3://", "s3a://"))


def _client_options(*, allow_http: bool) -> "ClientConfig":
    return {
        "allow_http": allow_http,
        "connect_timeout": "5s",
        # No whole transfer has a limit, but each wait for bytes has.
        "read_timeout": "60s",
        "timeout": "1day",
    }


async def _pieces(path: Path, digest: str) -> AsyncIterator[bytes]:
    """Yield a file's content; the last piece only if all of it has the digest."""
    hashed, held = hashlib.sha256(), b""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            hashed.update(chunk)
            if held:
                yield held
            held = chunk
    finally:
        file.close()
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise ContentChanged(path)
    yield held
