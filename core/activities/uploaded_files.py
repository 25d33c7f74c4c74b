"""The files of the stores that a goal names, as files on this machine: read there, or fetched."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from pydantic import JsonValue

from perdure.models import DEFAULT_TENANT, Goal, Parameters
from perdure.models.uploads import (
    ARTIFACT_SCHEME,
    UPLOAD_CONTENT_PATH,
    UPLOAD_SCHEME,
    UploadRecord,
)
from perdure.redaction import renaming
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.artifacts.artifact_store import StoredContent
from perdure.stores.artifacts.upload_cache import DamagedUpload, UploadCache
from perdure.stores.artifacts.uploads import texts_of
from perdure.stores.database.errors import UnknownArtifact, UnknownUpload
from perdure.stores.database.retry import with_retries

if TYPE_CHECKING:
    import httpx

_ID: Final = re.compile(re.escape(UPLOAD_SCHEME) + "([0-9a-f]{32})(?:/.*)?", re.DOTALL)
_ARTIFACT: Final = re.compile(re.escape(ARTIFACT_SCHEME) + "([0-9a-f]{64})/([^/\\0]+)")
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 30.0

log = structlog.get_logger()


class UploadAway(Exception):
    """A file that was handed in lies on another machine, and cannot be fetched from there."""


class UploadedFiles:
    """Brings the uploads and artifacts that goals name to this machine."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores = stores
        self._api_url = settings.api_url.rstrip("/")
        # Copies are as they were handed in: where stores are encrypted, they stay while in use.
        self._is_kept = not settings.encryption_keys
        most_bytes = settings.run_cache_bytes if self._is_kept else 0
        self._cache = UploadCache(settings.home / "upload-cache", most_bytes)
        self._artifacts = UploadCache(settings.home / "artifact-cache", most_bytes)

    def named_as_given(self, tenant: str) -> AbstractContextManager[None]:
        """Have texts name a tenant's uploads ``upload:{id}/{name}`` while the block runs.

        Where they lie on this machine is of no use to those who read a goal's error, its events
        and its result; and the paths that delegates are given have no other name.
        """
        return renaming(self.names_given(tenant))

    def names_given(self, tenant: str) -> list[tuple[str, str]]:
        """Return what stands before a tenant's uploads on this machine, and what names them."""
        folders = (self._stores.of(tenant).uploads.folder, self._cache.folder)
        paths = {str(path) for folder in folders for path in (folder, folder.resolve())}
        made = {str(path) for path in (self._artifacts.folder, self._artifacts.folder.resolve())}
        return [
            *((f"{path}/", UPLOAD_SCHEME) for path in paths),
            *((f"{path}/", ARTIFACT_SCHEME) for path in made),
        ]

    @staticmethod
    def are_named_by(goal: Goal) -> bool:
        """Return whether a goal's parameters name any upload or artifact."""
        texts = texts_of(list(goal.parameters.values()))
        return any(text.startswith((UPLOAD_SCHEME, ARTIFACT_SCHEME)) for text in texts)

    @asynccontextmanager
    async def local_parameters(self, goal: Goal, tenant: str) -> AsyncIterator[Parameters]:
        """Yield a goal's parameters with such paths as files that are there while the block runs.

        The path of an upload that was removed, and of an artifact that none of the tenant's goals
        has made, stays as it is: whoever opens it says that it is not there.

        Args:
            goal: The goal.
            tenant: Whose uploads and artifacts it may name.

        Raises:
            UploadAway: One lies on another machine and cannot be fetched.
            StoreUnavailable: The stores do not answer.
        """
        stores = self._stores.of(tenant)
        parameters = stores.uploads.local_parameters(goal)
        # What is left lies elsewhere, or was removed.
        matches = map(_ID.fullmatch, texts_of(parameters))
        missing = {match[0]: match[1] for match in matches if match}
        made = {
            match[0]: match for match in map(_ARTIFACT.fullmatch, texts_of(parameters)) if match
        }
        if not missing and not made:
            yield parameters
            return
        try:
            async with AsyncExitStack() as stack:
                paths: dict[str, str] = {}
                for text, upload_id in sorted(missing.items()):
                    try:
                        record = await stores.upload_records.get(upload_id)
                    except UnknownUpload:
                        continue
                    stack.enter_context(self._cache.in_use(upload_id))
                    paths[text] = str(await self._fetched(record))
                for text, match in sorted(made.items()):
                    content = await stores.artifacts.content(f"sha256:{match[1]}")
                    if content is None:
                        continue
                    stack.enter_context(self._artifacts.in_use(match[1]))
                    paths[text] = str(await self._made(match[1], match[2], content))
                yield {name: _replaced(value, paths) for name, value in parameters.items()}
        finally:
            if not self._is_kept:
                for cache in (self._cache, self._artifacts):
                    await asyncio.to_thread(cache.make_room)

    async def _made(self, digits: str, name: str, content: StoredContent) -> Path:
        """Return the copy of an artifact; it must be in use."""
        record = UploadRecord(
            path=f"{ARTIFACT_SCHEME}{digits}/{name}",
            id=digits,
            name=name,
            size=content.size,
            digest=f"sha256:{digits}",
            stored_at=content.stored_at,
            tenant=DEFAULT_TENANT,
        )
        if (found := await asyncio.to_thread(self._artifacts.find, record)) is not None:
            return found
        with self._artifacts.incoming() as incoming:
            await with_retries(lambda: self._stores.contents.save(record.digest, incoming))
            path = await asyncio.to_thread(self._artifacts.keep, record, incoming)
        await asyncio.to_thread(self._artifacts.make_room)
        return path

    async def _fetched(self, record: UploadRecord) -> Path:
        if (found := await asyncio.to_thread(self._cache.find, record)) is not None:
            return found
        if self._stores.uploads.in_bucket:
            with suppress(UnknownArtifact):  # it was handed in before there was a bucket
                return await self._from_bucket(record)
        if not self._api_url:
            raise UploadAway(
                f"{record.path} was handed in to an API on another machine: set PERDURE_API_URL on"
                " this worker to that API's address, or give both the same PERDURE_ARTIFACTS_URL or"
                " the same folder as PERDURE_HOME"
            )
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._fetch(record)
            except (UploadAway, DamagedUpload) as error:
                log.warning("upload not fetched", upload=record.id, message=str(error))
                if attempt == _ATTEMPTS:
                    raise UploadAway(str(error)) from None
                await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    async def _from_bucket(self, record: UploadRecord) -> Path:
        with self._cache.incoming() as incoming:
            await with_retries(lambda: self._stores.contents.save(record.digest, incoming))
            path = await asyncio.to_thread(self._cache.keep, record, incoming)
        await asyncio.to_thread(self._cache.make_room)
        return path

    async def _fetch(self, record: UploadRecord) -> Path:
        import httpx

        token = await self._stores.upload_records.token(record.id)
        url = f"{self._api_url}{UPLOAD_CONTENT_PATH}/{record.id}"
        headers = {"Authorization": f"Upload {token}"}
        with self._cache.incoming() as incoming:
            try:
                # The token is for that API alone: no redirect, and no proxy of the environment.
                async with (
                    httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client,
                    client.stream("GET", url, headers=headers) as answer,
                ):
                    await _save(answer, record, incoming)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise UploadAway(
                    f"{record.path} cannot be fetched from {self._api_url} ({error!r}): see that"
                    " PERDURE_API_URL is the address of the API as this worker reaches it"
                ) from None
            path = await asyncio.to_thread(self._cache.keep, record, incoming)
        await asyncio.to_thread(self._cache.make_room)
        return path


async def _save(answer: "httpx.Response", record: UploadRecord, incoming: Path) -> None:
    if answer.status_code != 200:
        raise UploadAway(
            f"{record.path} cannot be fetched from {answer.url.copy_with(path='/')}: it answers"
            f" with status {answer.status_code}; see that it is the API's address and that it has"
            " the file"
        )
    size = 0
    with await asyncio.to_thread(incoming.open, "xb") as file:
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > record.size:
                raise DamagedUpload(record)
            await asyncio.to_thread(file.write, chunk)


def _replaced(value: JsonValue, paths: dict[str, str]) -> JsonValue:
    if isinstance(value, str):
        return paths.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, paths) for item in value]
    if isinstance(value, dict):
        return {name: _replaced(item, paths) for name, item in value.items()}
    return value
