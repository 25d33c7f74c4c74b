"""The artifacts of a run as one ZIP archive, made while it is read: never whole in memory."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from perdure.models import Artifact

_CHUNK_BYTES: Final = 256 * 1024
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


def zip_chunks(files: Sequence[tuple[Artifact, Path]], modified_at: datetime) -> Iterator[bytes]:
    """Yield a ZIP archive of artifacts piece by piece; blocks while it reads and compresses.

    Args:
        files: The artifacts, each with the file of its content.
        modified_at: The time that the archive gives its files; equal arguments give equal bytes.

    Raises:
        OSError: A file cannot be read any more.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for artifact, path in files:
            with (
                path.open("rb") as source,
                archive.open(
                    _entry(artifact, modified_at), "w", force_zip64=artifact.size >= 2**31
                ) as target,
            ):
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
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
