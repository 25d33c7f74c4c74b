"""Files as sources: what they hold, by their digest."""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_research.sources.original import Original, Originals
from perdure_research.sources.source import Location, Unread

MOST_FILE_BYTES: Final = 50 * 1024 * 1024
_TAKEN: Final = "a text, Markdown, HTML or PDF file"


def look_at_files(locations: Sequence[Location]) -> Originals:
    """Return the files behind locations by their content; the same content once, under all names.

    A file that cannot be opened is among the unread, and spoils no other.
    """
    found: dict[str, Original] = {}
    unread: list[Unread] = []
    for location in locations:
        try:
            content = read_file(Path(location.address))
        except InputError as error:
            unread.append(Unread(source=location.name, reason=str(error)))
            continue
        digest = hashlib.sha256(content).hexdigest()
        known = found.get(digest)
        if known is None:
            found[digest] = Original(
                name=location.name,
                addresses=(location.address,),
                sha256=digest,
                size=len(content),
            )
        elif location.address not in known.addresses:
            addresses = (*known.addresses, location.address)
            found[digest] = known.model_copy(update={"addresses": addresses})
    return Originals(originals=tuple(found.values()), unread=tuple(unread))


def read_unchanged(address: str, digest: str) -> bytes:
    """Return a file's bytes, which must be those that were looked at.

    Raises:
        InputError: They are others now, or the file cannot be read any more.
    """
    content = read_file(Path(address))
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError(
            f"{address} was changed while it was read: ask again when nobody writes it"
        )
    return content


def read_file(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        InputError: It is missing, may not be read, is no regular file, or is too large.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file: give {_TAKEN}")
        if status.st_size > MOST_FILE_BYTES:
            raise InputError(
                f"{path} is larger than {MOST_FILE_BYTES // 1024**2} MB: split it, or give a"
                " smaller file"
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"there is no file or folder {path}: give a path that exists where the worker runs"
        ) from error
    except PermissionError as error:
        raise InputError(
            f"{path} may not be read: let the worker's user read it, or give another file"
        ) from error
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise InputError(f"{str(path)!r} cannot be read ({reason}): give {_TAKEN}") from error
