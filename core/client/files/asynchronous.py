"""Uploads and downloads of the async client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from perdure.client.connection.asynchronous import AsyncConnection, AsyncStream
from perdure.client.connection.errors import ClientError
from perdure.client.files.downloads import ArchiveDownload, Download, artifact_of
from perdure.client.files.uploads import LocalFile, upload_request
from perdure.client.requests import files
from perdure.models.uploads import Upload

_WRITTEN_BYTES: Final = 1 << 20  # at once, in a thread


async def upload(connection: AsyncConnection, file: LocalFile, name: str | None) -> Upload:
    """Hand a file in."""
    return await connection.send(await asyncio.to_thread(upload_request, Path(file), name))


async def download(connection: AsyncConnection, workflow_id: str, name: str, to: Path) -> Path:
    """Download an artifact, over as many connections as it takes."""
    listed = await connection.send(files.list_artifacts(workflow_id))
    target = Download(workflow_id, artifact_of(workflow_id, name, listed), to)
    attempts = connection.attempts(repeatable=True)
    while not await asyncio.to_thread(target.is_whole):
        try:
            async with connection.open(target.request()) as stream:
                await asyncio.to_thread(target.begin, stream.status)
                async for _ in _written(stream, target):
                    attempts.succeeded()
        except ClientError as error:
            await asyncio.sleep(attempts.delay(error))
        else:
            break
    return await asyncio.to_thread(target.finish)


async def download_archive(connection: AsyncConnection, workflow_id: str, to: Path) -> Path:
    """Download a run's archive, from its beginning as often as it breaks off."""
    target = ArchiveDownload(workflow_id, to)
    attempts = connection.attempts(repeatable=True)
    while True:
        try:
            async with connection.open(files.archive(workflow_id)) as stream:
                await asyncio.to_thread(target.begin)
                async for _ in _written(stream, target):
                    pass
            return await asyncio.to_thread(target.finish)
        except ClientError as error:
            await asyncio.sleep(attempts.delay(error))


async def _written(stream: AsyncStream, target: Download | ArchiveDownload) -> AsyncIterator[None]:
    """Write what comes, and yield after each piece."""
    content = bytearray()
    try:
        async for piece in stream.pieces():
            content += piece
            if len(content) >= _WRITTEN_BYTES:
                await asyncio.to_thread(target.write, bytes(content))
                content.clear()
            yield
    finally:  # what came before the connection broke is not fetched again
        if content:
            await asyncio.to_thread(target.write, bytes(content))
