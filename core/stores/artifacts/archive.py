"""The artifacts of a run as one ZIP archive, made while it is read: never whole in memory."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from perdure.models import Artifact

# These have been compressed by their own format: again would only take time.
_COMPRESSED: Final = (
    "audio/",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/",
    "application/zip",
)
_FILE_MODE: Final = 0o100644
# What no name of ours has, and would lead out of the folder that an archive is unpacked in.
_NO_PARTS: Final = frozenset({"", ".", ".."})


async def zip_chunks(
    files: Sequence[tuple[Artifact, AsyncIterator[bytes]]], modified_at: datetime
) -> AsyncIterator[bytes]:
    """Yield a ZIP archive of artifacts piece by piece.

    Args:
        files: The artifacts, each with its content.
        modified_at: The time that the archive gives its files; equal arguments give equal bytes.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for artifact, content in files:
            with archive.open(
                _entry(artifact, modified_at), "w", force_zip64=artifact.size >= 2**31
            ) as target:
                async for chunk in content:
                    await asyncio.to_thread(target.write, chunk)
                    if piece := sink.take():
                        yield piece
    yield sink.take()


def _entry(artifact: Artifact, modified_at: datetime) -> ZipInfo:
    parts = PurePosixPath(artifact.name.replace("\\", "/").lstrip("/")).parts
    name = "/".join(part for part in parts if part not in _NO_PARTS)
    entry = ZipInfo(name, modified_at.timetuple()[:6])
    stored = artifact.media_type.startswith(_COMPRESSED)
    entry.compress_type = ZIP_STORED if stored else ZIP_DEFLATED
    entry.external_attr = _FILE_MODE << 16
    return entry


class _Sink(io.RawIOBase):
    """Where the archive is written to; it cannot be sought in, as a connection cannot."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = memoryview(data).cast("B")
        self._written += piece
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        piece = bytes(self._written)
        self._written.clear()
        return piece
