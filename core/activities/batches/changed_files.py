"""Whether the files that an item names are still what was handed in."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path


async def changed_file(files: Mapping[str, str]) -> str:
    """Return what is wrong with the first file that has another content; empty if none has.

    Args:
        files: SHA-256 digests by path.
    """
    if not files:
        return ""
    return await asyncio.to_thread(_changed, files)


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changed(files: Mapping[str, str]) -> str:
    for path, digest in files.items():
        try:
            found = digest_of_file(Path(path))
        except OSError as error:
            return (
                f"{path} cannot be read any more ({error.strerror or error}): put the file back and"
                " retry the batch"
            )
        if found != digest:
            return (
                f"{path} has changed since it was handed in: put the file back and retry the batch,"
                " or hand the new one in with another batch"
            )
    return ""
