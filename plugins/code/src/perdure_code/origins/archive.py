"""Archives of repositories: unpacked within limits, and nowhere else than where they belong."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from perdure.agents import InputError
from perdure_code.repository.working_copy import MAX_ENTRIES
from perdure_code.repository.workspace import MAX_BYTES

_CHUNK: Final = 1 << 20
_DAMAGES: Final = (
    EOFError,
    NotImplementedError,
    RuntimeError,  # encrypted
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def absolute(path: str) -> Path:
    """Return a file's absolute path."""
    return Path(path).expanduser().resolve()


def is_archive(path: str) -> bool:
    """Whether a path is a file that can be unpacked."""
    try:
        file = Path(path).expanduser()
        return file.is_file() and (zipfile.is_zipfile(file) or tarfile.is_tarfile(file))
    except (OSError, ValueError, RuntimeError):
        return False


def unpack(file: Path, folder: Path) -> Path:
    """Unpack an archive of a repository, and return the repository's folder.

    That is the only folder in the archive, where there is but one. Links are left out, for they
    could lead anywhere.

    Raises:
        InputError: It is gone, damaged, or larger than a repository may be.
    """
    folder.mkdir(parents=True)
    try:
        room = _Room(file)
        with _members(file) as members:
            for name, content in members:
                room.add_entry()
                _write(folder / _inside(name, file), content, room)
    except OSError as error:
        raise InputError(
            f"{file.name} cannot be unpacked ({error.strerror}): hand it in again"
        ) from error
    except _DAMAGES as error:
        raise InputError(
            f"{file.name} is no archive that can be unpacked ({error}): pass a ZIP or tar archive"
            " of a repository, or its folder"
        ) from error
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


class _Room:
    """How much may still come out of an archive."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bytes = 0
        self._entries = 0

    def add_entry(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise InputError(
                f"{self._file.name} holds more than {MAX_ENTRIES:,} files: pass a part"
            )

    def add_bytes(self, number: int) -> None:
        self._bytes += number
        if self._bytes > MAX_BYTES:
            raise InputError(
                f"{self._file.name} holds more than {MAX_BYTES >> 20:,} MiB: pass a part of it"
            )


@contextmanager
def _members(file: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Yield the names and contents of an archive's plain files."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield _of_zip(archive)
    else:
        with tarfile.open(file) as tape:
            yield _of_tar(tape)


def _of_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in archive.infolist():
        kind = (entry.external_attr >> 16) & 0o170000
        if not entry.is_dir() and kind in {0, 0o100000}:
            with archive.open(entry) as content:
                yield entry.filename, content


def _of_tar(tape: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in tape:
        content = tape.extractfile(entry) if entry.isreg() else None
        if content is not None:
            with content:
                yield entry.name, content


def _inside(name: str, file: Path) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name or ":" in parts[0]:
        raise InputError(
            f"{file.name} has an entry {name!r}, which leads out of it: pass an archive of a"
            " repository's folder"
        )
    return Path(*parts)


def _write(target: Path, content: IO[bytes], room: _Room) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as written:
        while chunk := content.read(_CHUNK):
            room.add_bytes(len(chunk))
            written.write(chunk)
