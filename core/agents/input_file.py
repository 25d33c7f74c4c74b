"""A file that a goal names: whether it is there and can be read, and what it begins with."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from perdure.agents.steps.errors import InputError

_HEAD_BYTES = 65_536


class InputFile(NamedTuple):
    """A file as it was when it was first looked at.

    Attributes:
        path: Its absolute path.
        size: Bytes.
        modified: When it was last changed, in nanoseconds since 1970.
        head: Its first 64 KiB, or all of it.
    """

    path: str
    size: int
    modified: int
    head: bytes

    @classmethod
    def look_at(cls, path: str, *, wanted: str) -> "InputFile":
        """Look at a file, in a step: what is returned may be journaled, but for its ``head``.

        ::

            def recognise(path: str) -> Source:
                file = InputFile.look_at(path, wanted="a CSV or Parquet file")
                return Source(file.path, file.size, file.modified, kind_of(file.head))

        Args:
            path: The file; a relative path counts from the worker's working directory, ``~`` is a
                user's home.
            wanted: What is to be given, as it ends a sentence: ``a CSV or Parquet file``.

        Raises:
            InputError: It is missing, a folder, a device, blank, or cannot be read.
        """
        try:
            file = Path(path).expanduser().absolute()
        except RuntimeError as error:  # there is no such user
            raise InputError(f"{path!r} names no file ({error}): give {wanted}") from error
        try:
            status = file.stat()
            if stat.S_ISDIR(status.st_mode):
                raise InputError(f"{file} is a folder: give the path of {wanted}")
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{file} is not a regular file: give the path of {wanted}")
            with file.open("rb") as stream:
                head = stream.read(_HEAD_BYTES)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(
                f"there is no file {file}: give a path that exists where the worker runs"
            ) from error
        except PermissionError as error:
            raise InputError(
                f"{file} may not be read: let the worker's user read it, or give another file"
            ) from error
        except (OSError, ValueError) as error:
            raise InputError(
                f"{str(file)!r} cannot be read ({error}): give the path of {wanted}"
            ) from error
        if not head.strip():
            raise InputError(f"{file} is empty: give {wanted} with something in it")
        return cls(os.fspath(file), status.st_size, status.st_mtime_ns, head)

    @staticmethod
    def unchanged(path: str, size: int, modified: int) -> Path:
        """Return the path of a file that is still the one that was looked at.

        Args:
            path: Its path.
            size: Its size then.
            modified: When it was changed then.

        Raises:
            InputError: It has changed since, or is gone.
        """
        file = Path(path)
        try:
            status = file.stat()
        except OSError as error:
            raise InputError(
                f"{file} was removed while it was being read: put it back and hand the goal in"
                " again"
            ) from error
        if (status.st_size, status.st_mtime_ns) != (size, modified):
            raise InputError(f"{file} changed while it was being read: hand the goal in again")
        return file
