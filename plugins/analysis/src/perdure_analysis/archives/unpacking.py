"""Unpacking compressed files and members of archives, within limits of size and ratio."""

import bz2
import gzip
import lzma
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Final, cast

from perdure.agents import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LARGEST: Final = 8 << 30
RATIO: Final = 250
# So much may come out of a file however small it is.
HARMLESS: Final = 256 << 20
_KEPT_FREE: Final = 256 << 20
_BLOCK: Final = 1 << 20
_SIGNATURES: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_TAR_MARK: Final = (257, b"ustar")
_DAMAGES: Final = (
    EOFError,
    OSError,
    lzma.LZMAError,
    zstd.ZstdError,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,  # an encrypted member of a ZIP archive
    NotImplementedError,
)


def packing(head: bytes) -> str:
    """Return how a file is packed, by its first bytes; empty where it is not.

    Returns:
        ``gzip``, ``bzip2``, ``xz``, ``zstandard``, or an archive: ``zip``, ``tar``.
    """
    start, mark = _TAR_MARK
    if head[start : start + len(mark)] == mark:
        return "tar"
    return next((name for sign, name in _SIGNATURES.items() if head.startswith(sign)), "")


def members(file: Path, kind: str) -> list[str]:
    """Return the names of an archive's files, folders and what systems hide beside them left out.

    Raises:
        InputError: The archive is damaged.
    """
    try:
        if kind == "zip":
            with zipfile.ZipFile(file) as archive:
                names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        else:
            with tarfile.open(file) as archive:
                names = [entry.name for entry in archive if entry.isfile()]
    except _DAMAGES as error:
        raise _damaged(file, kind, error) from error
    return [name for name in names if not _is_hidden(name)]


def unpack(file: Path, kind: str, member: str, target: Path) -> None:
    """Unpack a compressed file, or one member of an archive.

    Args:
        file: The packed file.
        kind: How it is packed, as :func:`packing` says.
        member: Which file of an archive; empty for what is no archive.
        target: Where the content goes.

    Raises:
        InputError: The content is damaged, encrypted, larger than 8 GiB, more than 250 times as
            large as the file beyond 256 MiB, or larger than the disk has room for.
    """
    try:
        if kind == "zip":
            with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
                packed = archive.getinfo(member).compress_size
                _copy(stream, file, target, packed)
        elif kind == "tar":
            with tarfile.open(file) as tape:
                content = tape.extractfile(member)
                if content is None:
                    raise InputError(f"{file} has no file {member!r}: name another one")
                with closing(content) as stream:
                    _copy(stream, file, target, file.stat().st_size)
        else:
            with closing(_OPENERS[kind](file)) as stream:
                _copy(stream, file, target, file.stat().st_size)
    except _DAMAGES as error:
        raise _damaged(file, kind, error) from error


_OPENERS: Final[dict[str, Callable[[Path], IO[bytes]]]] = {
    "gzip": lambda file: cast("IO[bytes]", gzip.GzipFile(file)),
    "bzip2": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    "xz": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115 -- closed when unpacked
    "zstandard": lambda file: cast("IO[bytes]", zstd.ZstdFile(file)),
}


def _copy(stream: IO[bytes], file: Path, target: Path, packed: int) -> None:
    size = 0
    with target.open("wb") as copy:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > LARGEST:
                raise InputError(
                    f"{file} holds more than {LARGEST >> 30} GiB once it is unpacked: give the"
                    " table in smaller files"
                )
            if size > HARMLESS and size > RATIO * packed:
                raise InputError(
                    f"{file} grows to more than {RATIO} times its size when it is unpacked, as"
                    " files do that are made to fill disks: unpack it yourself if you trust it"
                )
            if shutil.disk_usage(target.parent).free < _KEPT_FREE:
                raise InputError(
                    f"{file} needs more room than the disk of {target.parent} has: free some, or"
                    " give a smaller file"
                )
            copy.write(block)


def _damaged(file: Path, kind: str, error: Exception) -> InputError:
    if isinstance(error, RuntimeError) and "password" in str(error):
        return InputError(f"{file} is encrypted: unpack it and give the file that is in it")
    return InputError(f"{file} is damaged and cannot be unpacked as {kind} ({error}): repair it")


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)
