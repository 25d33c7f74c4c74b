"""The archive of a backup: a compressed tar file whose last member lists all with their digests."""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pydantic import BaseModel, ValidationError

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_LEVEL: Final = 1  # artifacts are often compressed already
_CHUNK: Final = 1 << 20
_MAX_MANIFEST_BYTES: Final = 1 << 30


class ArchiveDamaged(Exception):
    """A file is no backup, or is not what was written."""


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        format: How the archive is laid out; a newer version may lay it out otherwise.
        version: The version of Perdure that wrote it.
        taken_at: The moment of the databases.
        newest_key: The id of the newest key that its stores are encrypted with, which is not in it;
            ``None`` if they are not.
        files: The SHA-256 of each file, by its name in the home.
    """

    format: int = FORMAT
    version: str
    taken_at: datetime
    newest_key: str | None = None
    files: dict[str, str] = {}


class ArchiveWriter:
    """Writes an archive, file by file.

    Args:
        archive: The open tar file.
    """

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.digests: dict[str, str] = {}

    def add(self, path: Path, name: str) -> None:
        """Add a file under a name.

        Raises:
            OSError: It cannot be read, or the archive cannot be written.
        """
        with path.open("rb") as file:
            reader = _Digesting(file)
            member = self._archive.gettarinfo(arcname=name, fileobj=file)
            self._archive.addfile(member, reader)
        self.digests[name] = reader.digest.hexdigest()

    def end(self, manifest: Manifest) -> None:
        """Add the manifest, with which the archive is whole."""
        text = manifest.model_copy(update={"files": self.digests}).model_dump_json().encode()
        member = tarfile.TarInfo(_MANIFEST)
        member.size = len(text)
        self._archive.addfile(member, io.BytesIO(text))


@contextmanager
def write_archive(path: Path) -> Iterator[ArchiveWriter]:
    """Write an archive beside its place; it is there whole once the block has ended, or not at all.

    Raises:
        OSError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_LEVEL) as archive:
                yield ArchiveWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def extract(path: Path, folder: Path) -> Manifest:
    """Extract an archive into an empty folder, and check each file.

    Raises:
        ArchiveDamaged: It is no backup, is not whole, or holds what was not written into it.
        OSError: It cannot be read, or the folder cannot be written.
    """
    digests: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None or manifest is not None:
                    raise ArchiveDamaged(_damaged(path, f"{member.name} does not belong there"))
                if member.name == _MANIFEST:
                    manifest = Manifest.model_validate_json(content.read(_MAX_MANIFEST_BYTES))
                else:
                    digests[member.name] = _write(content, folder / _checked(path, member.name))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValidationError) as error:
        raise ArchiveDamaged(_damaged(path, str(error).partition("\n")[0])) from error
    if manifest is None:
        raise ArchiveDamaged(_damaged(path, "its end is missing"))
    if manifest.format != FORMAT:
        raise ArchiveDamaged(
            f"{path} was written by Perdure {manifest.version}: restore it with that version"
        )
    wrong = sorted(
        name
        for name in digests.keys() | manifest.files.keys()
        if digests.get(name) != manifest.files.get(name)
    )
    if wrong:
        raise ArchiveDamaged(_damaged(path, f"{wrong[0]} is not what was written"))
    return manifest


def _write(content: IO[bytes], target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _checked(path: Path, name: str) -> PurePosixPath:
    inside = PurePosixPath(name)
    if inside.is_absolute() or not inside.parts or ".." in inside.parts:
        raise ArchiveDamaged(_damaged(path, f"{name!r} would lie outside of the home"))
    return inside


def _damaged(path: Path, why: str) -> str:
    return f"{path} is no whole backup ({why}): take another one"


class _Digesting(io.RawIOBase):
    """Reads a file and computes its digest on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk
